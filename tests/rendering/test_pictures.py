from __future__ import annotations

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.demo.sample_changes import excerpt_layers
from auditor.listings import MOST_RUNS_DRAWN as SHOWN
from auditor.model import Area, Json, Kind
from auditor.rendering.mailing import MOST_HTML_BYTES
from auditor.rendering.pictures import SLOTS, LayerRow, draw_runs, draw_scale, draw_stack
from auditor.report import AnswerExcerpt
from tests.rendering.samples import HOSTILE, PAGE, drift, finding, flood, renderer, report

DENSE: Json = {"type": "dense", "neurons": 8}
WIDER: Json = {"type": "dense", "neurons": 12}
DROPOUT: Json = {"type": "dropout", "dropoutRate": 0.1}
FLATTEN: Json = {"type": "flatten"}
LAYERS = st.lists(
    st.sampled_from([DENSE, WIDER, DROPOUT, FLATTEN, {"type": HOSTILE, HOSTILE: HOSTILE}]),
    max_size=6,
)


def signs(old: list[Json], new: list[Json]) -> str:
    stack = draw_stack(excerpt_layers(old, new))
    return "" if stack is None else "".join(row.sign for row in stack.rows)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([DENSE, FLATTEN], [WIDER, FLATTEN], "~ "),
        ([DENSE], [DENSE, FLATTEN], " +"),
        ([DENSE, FLATTEN], [DENSE], " -"),
        ([DENSE, FLATTEN, DROPOUT], [DENSE, FLATTEN, DROPOUT, DENSE], "…+"),
        ([DENSE, FLATTEN], [DENSE, FLATTEN], ""),
    ],
    ids=["edited", "added", "removed", "folded", "equal"],
)
def test_a_stack_marks_what_happened(old: list[Json], new: list[Json], expected: str) -> None:
    assert signs(old, new) == expected


def test_a_moved_layer_is_drawn_at_both_places_and_counts_once() -> None:
    stack = draw_stack(excerpt_layers([DENSE, FLATTEN, DROPOUT], [DROPOUT, DENSE, FLATTEN]))

    assert stack is not None
    assert stack.words == "1 moved"
    assert stack.rows[0] == LayerRow("⇅", "(was 3)", "1 dropout (dropout rate 0.1)")
    assert stack.rows[-1] == LayerRow("⇅", "3 dropout (dropout rate 0.1)", "(now 1)")


@given(LAYERS, LAYERS)
def test_any_two_stacks_are_drawn_harmless(old: list[Json], new: list[Json]) -> None:
    stack = draw_stack(excerpt_layers(old, new))

    for row in stack.rows if stack else ():
        assert (row.old + row.new).isprintable()


def test_a_block_in_expert_mode_has_no_stack_to_draw() -> None:
    before = b'{"mode":"expert","visualLayers":[]}'
    excerpt = AnswerExcerpt(before=before, after=b"{}", findings=())

    assert draw_stack(excerpt) is None
    assert draw_stack(None) is None


def threshold(before: Json, after: Json, suggested: float | None = None) -> str:
    changed = finding(Area.THRESHOLDS, "thresholds[min_score].value", before, after)
    scale = draw_scale(changed, excerpt_layers([], [], suggested=suggested))
    return "" if scale is None else scale.slots.replace(" ", ".")


def test_a_threshold_is_drawn_on_its_scale_with_its_suggestion() -> None:
    assert threshold(0.5, "0.75", 0.25) == "......s.....-.....+....."


def test_marks_that_meet_stand_side_by_side_in_their_order() -> None:
    assert threshold(1, 0.999).endswith("-+")
    assert "-+" in threshold(0.5, 0.501)


@pytest.mark.parametrize("values", [("max", "mean"), (0.5, -1)], ids=["text", "negative"])
def test_what_is_on_no_scale_is_not_drawn(values: tuple[Json, Json]) -> None:
    assert threshold(*values) == ""


@given(st.floats(0, 100), st.floats(0, 100), st.none() | st.floats(0, 100))
def test_every_mark_is_there_once(was: float, now: float, suggested: float | None) -> None:
    slots = threshold(was, now, suggested)

    assert len(slots) == SLOTS
    assert sorted(slots.replace(".", "")) == sorted("-+" + ("" if suggested is None else "s"))


def test_an_added_threshold_has_no_before_to_draw() -> None:
    added = finding(Area.THRESHOLDS, "thresholds[min_score].value", None, 0.5, kind=Kind.ADDED)

    assert draw_scale(added, None) is None


def test_the_last_runs_are_said_in_words_too() -> None:
    strip = draw_runs("+··▲?○ ▲")

    assert strip is not None
    assert strip.words == (
        "last 8 runs: ▲ 2 drifted, ○ 1 missing, ? 1 not checked, + 1 new, 1 not audited, "
        "· 2 in sync"
    )
    assert draw_runs("") is None


def test_no_more_runs_are_drawn_than_there_are_cells() -> None:
    strip = draw_runs("·" * 99)

    assert strip is not None
    assert len(strip.signs) == SHOWN


def test_the_mail_draws_in_both_parts() -> None:
    mailing = renderer().mail_content(drift(), page=PAGE)

    assert "[+·········▲··············??··▲]" in mailing.text
    assert "0 [.............s-.+.......] 1" in mailing.text
    assert "…  2 layers unchanged" in mailing.text
    for words in ("Layers before and now: 1 edited, 1 added, 1 moved.", "(this run on the right)"):
        assert words in mailing.html


def test_a_mail_says_how_to_acknowledge_and_how_to_restore() -> None:
    mailing = renderer().mail_content(drift(), page=PAGE)
    page = renderer().page(drift())

    assert mailing.text.count("acknowledge: auditor acknowledge ") == 2
    assert '{"learningRate": 0.0005}' in mailing.text
    assert "restore: included in the request above" in mailing.text
    assert "in the full report; or run" in mailing.html
    assert "in the full report; or run" not in page
    assert "&#34;visualLayers&#34;: [{&#34;type&#34;: &#34;reshape&#34;" in page


def test_pictures_of_minor_blocks_are_left_out_before_findings() -> None:
    some = report(*flood().targets[:18])
    mailing = renderer().mail_content(some, page=PAGE)

    assert mailing.html.count("default:layers") == 18
    assert 0 < mailing.html.count("Layers before and now") < 18
    assert "Pictures of layers and past runs are shown for" in mailing.html
    assert mailing.attachment is not None


def test_a_flood_with_pictures_stays_below_what_mail_programs_clip() -> None:
    mailing = renderer().mail_content(flood(), page=PAGE)

    assert len(binascii.b2a_qp(mailing.html.encode())) <= MOST_HTML_BYTES


def test_a_cut_layer_still_shows_what_differs() -> None:
    long = "a" * 90
    old: list[Json] = [{"type": "custom", "note": long, "weights": f"{long}x", "units": 3}]
    new: list[Json] = [{"type": "custom", "note": long, "weights": f"{long}y", "units": 3}]

    stack = draw_stack(excerpt_layers(old, new))

    assert stack is not None
    (row,) = stack.rows
    assert row.old.startswith("1 custom (weights …aaaaaaaax")
    assert row.new.startswith("1 custom (weights …aaaaaaaay")
