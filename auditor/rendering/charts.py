"""Values over time as small pictures: a threshold, the number of samples, the accuracy.

A picture says nothing that the words and the list beside it do not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from auditor.context import Training
from auditor.drift.canonical import as_number, is_number
from auditor.drift.trainings import metric_words
from auditor.drift.wording import value_words
from auditor.rendering.version_table import UNSET, ValueRow, VersionTable
from auditor.rendering.words import count, day, moment, name

MOST_CHARTS, _MOST_POINTS = 12, 60
WIDTH, HEIGHT = 320, 92
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, WIDTH - 6, 10, HEIGHT - 26
_METRICS = ("accuracy", "f1", "mse", "mae", "loss")
_COUNTED = ("dependencies.sampleCount", "dsp.expectedWindowCount")


@dataclass(frozen=True, slots=True)
class Point:
    """A value and since when it is so."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A value over time.

    Attributes:
        words: what the picture shows, for who does not see it.
        line: the path of its line, in pixels.
        dots: where values were measured; empty where each holds until the next.
        rows: when and what, the newest first.
    """

    title: str
    words: str
    line: str
    dots: tuple[tuple[float, float], ...]
    highest: str
    lowest: str
    first: str
    last: str
    rows: tuple[tuple[str, str], ...]


def draw_versions(table: VersionTable) -> tuple[Chart, ...]:
    """Return a chart for each threshold that changed, and for the number of samples."""
    times = [version.seen_at for version in table.versions]
    drawn = (_draw_row(row, times) for row in table.rows if _is_drawn(row))
    return tuple(chart for chart in drawn if chart is not None)[:MOST_CHARTS]


def draw_accuracy(trainings: Sequence[Training]) -> Chart | None:
    """Return how good the model was after each training, the oldest first; None for fewer than 2.

    It is the metric that the last training has, of the same type of model.
    """
    if not trainings:
        return None
    model_type = trainings[-1].metadata.model_type
    measured = [(each, each.metadata.metrics.get(model_type, {})) for each in trainings]
    metric = next((key for key in _METRICS if key in measured[-1][1]), "")
    points = [
        Point(each.metadata.at, values[metric]) for each, values in measured if metric in values
    ][-_MOST_POINTS:]
    if not metric or len(points) < 2:
        return None
    return _chart(
        f"{metric.capitalize()} ({name(model_type)})",
        points,
        [metric_words(metric, point.value) for point in points],
        is_measured=True,
    )


def _is_drawn(row: ValueRow) -> bool:
    return row.pattern.endswith("thresholds[].value") or row.pattern in _COUNTED


def _draw_row(row: ValueRow, times: Sequence[datetime]) -> Chart | None:
    values = [
        Point(at, float(number))
        for at, form, place in zip(times, row.forms, row.at, strict=True)
        if place != UNSET and is_number(number := as_number(form))
    ]
    if len(values) < 2:
        return None
    # Of equal neighbours the oldest says since when; the last one ends the line.
    stretches = [next(same) for _, same in groupby(reversed(values), lambda each: each.value)]
    points = stretches[-_MOST_POINTS:]
    end = max(values[0].at, points[-1].at)
    return _chart(row.label, points, [value_words(_whole(p.value)) for p in points], end=end)


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _chart(
    title: str,
    points: Sequence[Point],
    texts: Sequence[str],
    *,
    end: datetime | None = None,
    is_measured: bool = False,
) -> Chart:
    low, high = min(points, key=_value), max(points, key=_value)
    words = dict(zip(points, texts, strict=True))
    places = [*_places(points, end or points[-1].at)]
    return Chart(
        title=title,
        words=_describe(title, points, texts, is_measured=is_measured),
        line=_straight(places) if is_measured else _steps(places),
        dots=tuple(places) if is_measured else (),
        highest=words[high],
        lowest="" if low.value == high.value else words[low],
        first=f"{day(points[0].at)}",
        last=f"{day(end or points[-1].at)}",
        rows=tuple((moment(point.at), words[point]) for point in reversed(points)),
    )


def _describe(
    title: str, points: Sequence[Point], texts: Sequence[str], *, is_measured: bool
) -> str:
    if is_measured:
        return (
            f"{title}: {texts[-1]} after the last of {count(len(points), 'training')}, "
            f"{texts[-2]} before"
        )
    if len(points) == 1:
        return f"{title}: {texts[0]} since {day(points[0].at)}"
    return f"{title}: {texts[-1]} since {day(points[-1].at)}, {texts[-2]} before"


def _value(point: Point) -> float:
    return point.value


def _places(points: Sequence[Point], end: datetime) -> Iterator[tuple[float, float]]:
    """Yield where points are in the picture."""
    first = points[0].at
    # The last value is seen to hold, however short that is.
    span = max((end - first).total_seconds(), 1.0) * 1.04
    low = min(point.value for point in points)
    height = max(point.value for point in points) - low
    for point in points:
        across = (point.at - first).total_seconds() / span
        up = (point.value - low) / height if height else 0.5
        yield (
            round(_LEFT + across * (_RIGHT - _LEFT), 1),
            round(_BOTTOM - up * (_BOTTOM - _TOP), 1),
        )


def _steps(places: Sequence[tuple[float, float]]) -> str:
    (x, y), *others = places
    return f"M{x} {y}{''.join(f'H{x}V{y}' for x, y in others)}H{_RIGHT}"


def _straight(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in places)
