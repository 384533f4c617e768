"""The vendor's Markdown as plain text."""

from __future__ import annotations

import pytest

from auditor.drift.prose import plain_text


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("Use **YOLO-Pro** instead.", "Use YOLO-Pro instead."),
        (
            "See [the docs](https://docs.example.org/x).",
            "See the docs (https://docs.example.org/x).",
        ),
        ("[https://e.org](https://e.org)", "https://e.org"),
        ("![shot](https://e.org/a.png)", "shot (https://e.org/a.png)"),
        ("# Withdrawn\n\n- use `fomo_ad`\n- or *retrain*", "Withdrawn use fomo_ad or retrain"),
        ("keep snake_case_names and 2 * 3 * 4", "keep snake_case_names and 2 * 3 * 4"),
        ("<b>bold</b> &amp; a < b", "bold &amp; a < b"),
        ("> quoted\n1. first", "quoted first"),
        ("", ""),
    ],
)
def test_marks_go_and_words_stay(markdown: str, expected: str) -> None:
    assert plain_text(markdown) == expected


@pytest.mark.parametrize("piece", ["[", "[a](", "[a](x", "*a", "_", "<a", "# ", "`"])
def test_a_text_made_to_hold_things_up_does_not(piece: str) -> None:
    assert len(plain_text(piece * 100_000)) < 10_000
