"""A reader of one mail names every edit of a busy night, and none that was not made."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from tests.audit.stage import Stage, block, stage, target

Edit = Callable[[dict[str, Any], int], object]
_BLOCKS = range(3, 43)
_DROPOUT = {"type": "dropout", "dropoutRate": 0.1}
# Neighbours in this list are made in one block; none of them is a consequence of another.
EDITS: tuple[tuple[str, Edit], ...] = (
    (r"Training cycles: 30 → \d+", lambda a, n: a.update(trainingCycles=100 + n)),
    ("Learning rate: 0.0005 → 0.01", lambda a, _: a.update(learningRate=0.01)),
    (r"Batch size: 32 → \d+", lambda a, n: a.update(batchSize=100 + n)),
    (r"Threshold min_score .*0\.6 → ", lambda a, n: a["thresholds"][0].update(value=n / 100)),
    (r"Layer 1 .*neurons: 20 → \d+", lambda a, n: a["visualLayers"][0].update(neurons=100 + n)),
    ("Layer 3 added: dropout", lambda a, _: a["visualLayers"].append(_DROPOUT)),
    ("Name: .* → .* renamed", lambda a, _: a.update(name=f"{a['name']} renamed")),
    ("Validation set size: 0.2 → 0.3", lambda a, _: a.update(trainTestSplit=0.3)),
    ("noise added", lambda a, _: a["dependencies"]["classes"].append("noise")),
    (r"Samples: ", lambda a, n: a["dependencies"].update(sampleCount=9_000 + n)),
    ("Training lost", lambda a, _: a.update(trained=False)),
    ("Auto-weight classes: off → on", lambda a, _: a.update(autoClassWeights=True)),
    ("Profile int8 model: on → off", lambda a, _: a.update(profileInt8=False)),
)


def _edit_all(set_up: Stage) -> dict[int, list[str]]:
    """Make three edits in each block; return what a reader should find of each."""
    made: dict[int, list[str]] = {}
    for number in _BLOCKS:
        edits = [EDITS[(3 * number + place) % len(EDITS)] for place in range(3)]
        made[number] = [words for words, _ in edits]
        for _, edit in edits:
            set_up.studio.edit(target(number), partial(_applied, edit, number))
    return made


def _applied(edit: Edit, number: int, answer: dict[str, Any]) -> None:
    edit(answer, number)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _words_of(page: str) -> str:
    body = re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
    return _flat(unescape(re.sub(r"<[^<>]*>", " ", body)))


def test_a_mail_names_each_of_120_edits_and_no_other(database_url: str, tmp_path: Path) -> None:
    blocks = {n: block(name=f"Motor {n}", trained=True) for n in _BLOCKS}
    with stage(database_url, tmp_path, blocks) as set_up:
        set_up.audit()
        made = _edit_all(set_up)
        report = set_up.night().report
        mail = set_up.postbox.taken[-1][1]
    plain, rich = (mail.get_body((form,)) for form in ("plain", "html"))
    assert plain is not None
    assert rich is not None
    text, page = _flat(plain.get_content()), _words_of(rich.get_content())

    assert report.totals.findings == sum(map(len, made.values())) == 120
    for line in report.targets:
        headlines = [finding.headline for finding in line.findings]
        for words in made[line.target.learn_id]:
            assert any(re.search(words, headline) for headline in headlines), words
        for finding in line.findings:
            assert finding.id in text
            assert finding.headline in text
            assert finding.headline in page
            assert str(line.target) in page
