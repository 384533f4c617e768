"""Names that mean harm, from Studio to the reader: mere words there, and the mail still goes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from auditor.cli.logs import TextLines
from auditor.outbox import NO_MESSAGES
from auditor.rendering.listings import render_history, render_status
from tests.audit.stage import PROJECT, block, stage, target
from tests.rendering.samples import HOSTILE

pytestmark = pytest.mark.both_databases

_LONG = HOSTILE + "x" * 100_000


def _is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\n\r" for character in text)


def test_hostile_names_reach_the_reader_as_words(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocks = {3: block(name=HOSTILE), 4: block(name=_LONG)}
    with stage(database_url, tmp_path, blocks) as set_up, caplog.at_level(logging.INFO):
        set_up.studio.rename_project(PROJECT, HOSTILE)
        set_up.night()
        for learn_id in (3, 4):
            set_up.studio.edit(target(learn_id), lambda a: a.update(name=a["name"] + "2"))
        set_up.night()
        mails = set_up.postbox.taken[-2:]
        with set_up.open_store() as store:
            terminal = render_status(
                store.statuses(), last_run=store.last_run(), next_run_at=None, outbox=NO_MESSAGES
            ) + render_history(store.target_versions(target(4)))

    log = TextLines("%(levelname)s %(name)s: %(message)s")
    assert len(mails) == 2
    for _, mail in mails:
        assert len(mail["Subject"]) < 78
        assert mail["Bcc"] is None
        for kind in ("plain", "html"):
            body = mail.get_body((kind,))
            assert body is not None
            content = body.get_content()
            assert _is_harmless(content)
            assert "<img src=x" not in content or kind == "plain"
            assert len(content) < 100_000
    assert _is_harmless(terminal)
    assert all(_is_harmless(log.format(record)) for record in caplog.records)
