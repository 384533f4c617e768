from __future__ import annotations

import pytest

from auditor.model import Area, Json, Kind
from auditor.rendering.changes import LONGEST_LINE, MOST_LINES, draw_change
from auditor.rendering.html import mark_code
from tests.rendering.samples import NEW_SCRIPT, OLD_SCRIPT, finding


def drawn(before: Json, after: Json, kind: Kind = Kind.CHANGED) -> list[str]:
    change = finding(Area.TRAINING, "path", before, after, kind=kind)
    return [f"{line.sign} {line.text}" for line in draw_change(change)]


@pytest.mark.parametrize(
    ("before", "after", "kind", "expected"),
    [
        pytest.param(8, 12, Kind.CHANGED, ["- 8", "+ 12"], id="number"),
        pytest.param("0.5", None, Kind.CHANGED, ['- "0.5"', "+ null"], id="literally"),
        pytest.param(None, 3, Kind.ADDED, ["+ 3"], id="added"),
        pytest.param(3, None, Kind.REMOVED, ["- 3"], id="removed"),
        pytest.param(0, 1, Kind.MOVED, ["- place 1", "+ place 2"], id="moved"),
        pytest.param(
            ["a", "b", "b"],
            ["b", "c"],
            Kind.CHANGED,
            ['- "a"', '- "b"', '+ "c"', "@ 1 entry unchanged"],
            id="list, twins counted",
        ),
        pytest.param(
            ["a", "b"],
            ["b", "a"],
            Kind.CHANGED,
            ["@ same entries in another order", '- "a", "b"', '+ "b", "a"'],
            id="list in another order",
        ),
        pytest.param(
            f"(hidden:{'a' * 32})",
            f"(hidden:{'b' * 32})",
            Kind.CHANGED,
            ["@ changed; the hidden values differ"],
            id="secret",
        ),
        pytest.param(
            ["na\u00efve"],
            ["nai\u0308ve"],
            Kind.CHANGED,
            ['- "na\\u00efve"', '+ "nai\\u0308ve"'],
            id="composed and decomposed",
        ),
        pytest.param(
            "wave", "wav\u0435", Kind.CHANGED, ['- "wave"', '+ "wav\\u0435"'], id="letter"
        ),
        pytest.param(100, "100", Kind.CHANGED, ["- 100", '+ "100"'], id="number and text"),
        pytest.param(
            "a = 1\nb = 2\n",
            "a = 1\t\nb = 2\n",
            Kind.CHANGED,
            ["@ @@ -1,2 +1,2 @@", "- a = 1", "+ a = 1\\u0009", "  b = 2"],
            id="tab at the end of a line",
        ),
        pytest.param([{"a": 1}], [], Kind.CHANGED, ['- [{"a": 1}]', "+ []"], id="objects"),
    ],
)
def test_a_change_is_drawn_by_what_it_is(
    before: Json, after: Json, kind: Kind, expected: list[str]
) -> None:
    assert drawn(before, after, kind) == expected


def test_a_script_is_a_unified_diff() -> None:
    drawing = drawn(OLD_SCRIPT, NEW_SCRIPT)

    assert "- EPOCHS = 30" in drawing
    assert "+ EPOCHS = 60" in drawing
    assert "  LEARNING_RATE = 0.0005" in drawing


def test_line_ends_of_another_system_are_no_change_of_a_line() -> None:
    assert drawn("a\r\nb\r\n", "a\nc\n") == ["@ @@ -1,2 +1,2 @@", "  a", "- b", "+ c"]


def test_a_large_object_has_one_key_a_line() -> None:
    layer: Json = {"type": "conv1d", "neurons": 16, "kernelSize": 3, "columns": 13, "stack": 1}

    assert drawn(None, layer, Kind.ADDED)[:2] == ['+ type: "conv1d"', "+ neurons: 16"]


def test_a_long_drawing_is_cut_and_says_so() -> None:
    drawing = drawn(None, "\n".join(map(str, range(100))), Kind.ADDED)

    assert len(drawing) == MOST_LINES + 1
    assert drawing[-1] == "@ 60 more lines not shown"


def test_long_values_that_differ_late_show_where() -> None:
    remark, before, after = drawn("x" * 5000 + "old", "x" * 5000 + "new")

    assert remark == "@ the same up to character 4,981"
    assert before == '- xxxxxxxxxxxxxxxxxxxxold"'
    assert after == '+ xxxxxxxxxxxxxxxxxxxxnew"'


def test_a_monstrous_script_is_not_compared_line_by_line() -> None:
    drawing = drawn("a\n" * 250_000, "b\n" * 6000)

    assert drawing == ["@ too long to compare: 250,000 lines, now 6,000"]


def test_no_line_is_longer_than_a_mail_can_hold() -> None:
    drawing = drawn("\n" + "x" * 5000, "\n" + "\u202e" * 5000)

    assert max(map(len, drawing)) < LONGEST_LINE + 40


def test_a_command_in_backticks_is_code_in_html_and_a_name_stays_as_it_is() -> None:
    assert mark_code("`auditor status` lists <b> and `x`") == (
        '<span class="code">auditor status</span> lists &lt;b&gt; and `x`'
    )


def test_both_sides_of_a_long_layer_are_not_cut_to_the_same_text() -> None:
    long = "a" * 300
    before: Json = {"type": "dense", "note": f"{long}x", "units": 1}
    after: Json = {"type": "dense", "note": f"{long}y", "units": 2}

    lines = draw_change(finding(Area.LAYERS, "visualLayers[0]", before, after, kind=Kind.REPLACED))

    assert [line.sign for line in lines] == ["-", "+"]
    assert '"…aaaaaaaax"' in lines[0].text
    assert '"…aaaaaaaay"' in lines[1].text
