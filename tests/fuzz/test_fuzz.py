"""A hundred mutated answers; `make fuzz` tries a hundred thousand."""

from __future__ import annotations

from tests.fuzz.law import try_all


def test_a_mutated_answer_is_refused_or_survives_the_whole_path() -> None:
    (tried,) = try_all(2, range(120), batch=120)

    assert tried.broken == []
    assert tried.refused > 20
    assert tried.believed > 20
