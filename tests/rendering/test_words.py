from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rendering.words import age, cap, columns, count, harmless, join_first, length


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Pump 3", "Pump 3", id="plain"),
        pytest.param("Größe → 日本", "Größe → 日本", id="foreign letters stay"),
        pytest.param("a\r\nBcc: b", "a\\x0d\\x0aBcc: b", id="line ends"),
        pytest.param("\x1b[31mred\x00", "\\x1b[31mred\\x00", id="controls"),
        pytest.param("a\u202eb\u2066c", "a\\u202eb\\u2066c", id="bidi"),
        pytest.param("a\u2028b\u200bc", "a\\u2028b\\u200bc", id="separators and zero widths"),
        pytest.param("\ud800", "\\ud800", id="lone surrogate"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag character"),
        pytest.param(f"key ei_{'0' * 40}", "key (hidden)", id="Studio key"),
        pytest.param(f"key ei_{'My-Key_9' * 4}.", "key (hidden).", id="Studio key of one's own"),
        pytest.param(f"ei_{'a' * 31}", f"ei_{'a' * 31}", id="too short for a Studio key"),
        pytest.param(f"(hidden:{'a' * 32})", "(hidden)", id="fingerprint"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(alphabet=st.characters()))
def test_harmless_text_is_one_line_that_any_encoding_takes(text: str) -> None:
    shown = harmless(text)

    assert shown.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert harmless(shown) == shown


def test_a_long_text_says_how_much_was_left_out() -> None:
    assert cap("x" * 5000, 10) == "xxxxxxxxxx… (4,990 more characters)"


def test_a_text_is_not_cut_for_a_note_that_is_longer() -> None:
    assert cap("x" * 12, 10) == "x" * 12


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"),
        (41, "41 s"),
        (192, "3 min 12 s"),
        (90_061, "1 d 1 h"),
        (-5, "less than a second"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert length(timedelta(seconds=seconds)) == words


def test_one_is_singular() -> None:
    assert [count(n, "block") for n in (0, 1, 4120)] == ["0 blocks", "1 block", "4,120 blocks"]


def test_a_long_row_ends_in_a_count() -> None:
    assert join_first(("a", "b", "c"), most=2) == "a, b and 1 more"


def test_wide_letters_take_two_columns_and_marks_none() -> None:
    assert columns("日本e\u0301") == 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3 * 3600 + 59, "3 h ago"),
        (40 * 86_400, "40 d ago"),
    ],
)
def test_an_age_is_written_in_its_largest_unit(seconds: int, words: str) -> None:
    assert age(timedelta(seconds=seconds)) == words
