"""The text of a message in the forms that a service may take, the longest first.

Apprise splits a text into parts that a service takes, by characters. Where a service counts
otherwise, or shows the parts badly, it gets one part that fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_SHORTER = (2_900, 900)  # for a service that refuses the form: Slack's blocks take 3,000
_MARGIN = 40  # of each part, for its number
_STEP = 0.8  # between two tries to fit a text


@dataclass(frozen=True, slots=True)
class Limit:
    """What a service takes in one part.

    Attributes:
        most: how large the text may be.
        measure: returns the size of a text as the service sees it.
    """

    most: int
    measure: Callable[[str], int]


def _count_bytes(text: str) -> int:
    return len(text.encode())


def _count_card(text: str) -> int:
    from apprise.conversion import convert_between  # noqa: PLC0415 - slow

    converted = convert_between("text", "markdown", text)  # type: ignore[no-untyped-call]
    return len(json.dumps(converted))


# By the names of Apprise's classes. What is longer than 4,096 bytes, ntfy turns into a file that
# nobody reads (docs.ntfy.sh/publish). Teams takes messages of about 28 KB
# (learn.microsoft.com/connectors/teams), which here are UTF-16, with 1 KB for the card.
_LIMITS = {
    "NotifyNtfy": Limit(4_096, _count_bytes),
    "NotifyWorkflows": Limit(13_000, _count_card),
}


def list_texts(plugin: Any, title: str, text: str, *, most_parts: int) -> Iterator[str]:  # noqa: ANN401 - Apprise's own
    """Yield a text as long as the service takes it in so many parts, then shorter forms."""
    limit = _LIMITS.get(type(plugin).__name__)
    if limit is None:
        room = most_parts * max(plugin.body_maxlen - len(title) - _MARGIN, _SHORTER[-1])
    else:
        room = _find_room(plugin, text, limit)
        plugin.body_maxlen = max(plugin.body_maxlen, limit.most)
    for most in (room, *(most for most in _SHORTER if most < min(room, len(text)))):
        yield _break_lines(plugin, cut_text(text, most))


def _find_room(plugin: Any, text: str, limit: Limit) -> int:  # noqa: ANN401 - Apprise's own
    """Return to how many characters a text is cut to be within a limit."""
    room = len(text)
    while (
        room > _SHORTER[-1]
        and limit.measure(_break_lines(plugin, cut_text(text, room))) > limit.most
    ):
        room = int(room * _STEP)
    return room


def _break_lines(plugin: Any, text: str) -> str:  # noqa: ANN401 - Apprise's own
    """Return a text whose lines stay apart: Markdown joins lines without a blank one between."""
    return text.replace("\n", "\n\n") if plugin.notify_format == "markdown" else text


def cut_text(text: str, most: int) -> str:
    """Return a text of at most about `most` characters: of its middle paragraph the first lines.

    The paragraph says how many lines it lacks. The first paragraph has the verdict, the last one
    the link; both stay.
    """
    if len(text) <= most:
        return text
    head, *middle, foot = text.split("\n\n") if text.count("\n\n") > 1 else (text, "")
    lines = "\n\n".join(middle).split("\n")
    room = most - len(head) - len(foot) - 60
    kept = list(_take(lines, room))
    left_out = len(lines) - len(kept)
    more = f"… and {left_out:,} more" if left_out else ""
    return "\n\n".join(filter(None, (head[: max(most, 200)], "\n".join([*kept, more]), foot)))


def _take(lines: list[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line
