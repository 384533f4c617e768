"""The headline of every labelled edit of a script names what was done, and nothing else."""

from __future__ import annotations

import pytest

from tests.signal.scripts import ScriptCase, headline_of, script_cases


@pytest.mark.parametrize("case", script_cases(), ids=lambda case: case.name)
def test_the_headline_of_an_edit_names_what_was_done(case: ScriptCase) -> None:
    severity, headline = headline_of(case)

    assert severity == case.severity
    assert [word for word in case.says if word not in headline] == []
    assert [word for word in case.never_says if word in headline] == []
