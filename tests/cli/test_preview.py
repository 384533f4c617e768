from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from auditor.demo.sample_reports import STATES
from tests.audit.stage import Stage
from tests.cli.command import ROOT, Command, environment
from tests.processes import run


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command writes where there is no configuration."""
    folder = tmp_path_factory.mktemp("preview")
    done = run("report", "--preview", "look", folder=folder, environment=environment())
    assert (done.returncode, done.stderr) == (0, b"")
    return folder / "look"


def test_the_preview_writes_every_state_without_a_configuration(look: Path) -> None:
    assert sorted(path.name for path in look.iterdir()) == sorted(
        ["index.html", *(f"{name}.{form}" for name in STATES for form in ("html", "txt", "eml"))]
    )
    index = (look / "index.html").read_text()
    assert all(f'href="{name}.eml"' in index for name in STATES)


def test_every_mail_of_the_preview_reads_back_strictly(look: Path) -> None:
    mails = sorted(look.glob("*.eml"))

    assert mails
    for path in mails:
        content = path.read_bytes()
        mail = message_from_bytes(content, policy=SMTP.clone(raise_on_defect=True))
        parts = {part.get_content_type(): part for part in mail.walk()}
        assert b"\n" not in content.replace(b"\r\n", b"")
        assert max(map(len, content.split(b"\r\n"))) <= 998
        for kind in ("text/plain", "text/html"):
            assert parts[kind]["Content-Transfer-Encoding"] == "quoted-printable"
        assert len(str(mail["Subject"])) < 78
        assert mail["Bcc"] is None
        assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("more", [["7"], ["--send"]], ids=["run", "send"])
def test_a_preview_of_a_stored_run_is_refused(
    more: list[str], auditor: Command, tmp_path: Path
) -> None:
    done = auditor("report", *more, "--preview", str(tmp_path))

    assert done.code == 2
    assert "sample mails" in done.err


def test_a_folder_that_cannot_be_written_is_named(auditor: Command) -> None:
    done = auditor("report", "--preview", str(ROOT / "README.md"))

    assert done.code == 2
    assert "README.md cannot be written" in done.err


def test_a_test_mail_goes_to_every_recipient(pump: Stage, auditor: Command) -> None:
    config = pump.folder / "config.toml"
    of_a_part = '[[subscriptions]]\nrecipient = "team@example.org"\nprojects = [7]\n'
    config.write_text(config.read_text() + of_a_part)
    auditor("run")
    pump.postbox.taken.clear()
    done = auditor("check", "--send-test")

    assert done.code == 0
    assert done.out.count("the server took it") == 3
    subjects = [mail["Subject"] for _, mail in pump.postbox.taken]
    assert [to for to, _ in pump.postbox.taken][-1] == "team@example.org"
    assert len(subjects) == 3
    assert all(
        subject.startswith("[test] [EI drift]") and len(subject) < 85 for subject in subjects
    )


def test_a_test_mail_that_is_refused_fails_the_check(pump: Stage, auditor: Command) -> None:
    pump.postbox.refuses["ml@example.org"] = "550 nobody of that name"
    done = auditor("check", "--send-test")

    assert done.code == 2
    assert "FAILED  test mail to ml@example.org" in done.out
    assert "550 nobody of that name" in done.out


def test_a_test_mail_needs_mail_to_be_configured(pump: Stage, auditor: Command) -> None:
    config = pump.folder / "config.toml"
    config.write_text(re.sub(r"(?ms)^\[email\].*?(?=^\[)", "", config.read_text()))
    done = auditor("check", "--send-test")

    assert done.code == 2
    assert "reports are sent to nobody" in done.err
