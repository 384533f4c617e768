"""The demo as a newcomer runs it: one command, no account, a report to look at."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from auditor import app
from auditor.cli import main
from auditor.config import load
from auditor.demo.faults import FAULT_DESCRIPTIONS, Fault
from auditor.demo.sample_edits import EDITS
from auditor.demo.sample_fleet import CAMERA, PUMP
from auditor.demo.walkthrough import PORT, plan_faults, show_drift, show_faults
from auditor.errors import UsageError
from auditor.rendering.json import encode_report
from auditor.store.store import open_database
from tests.cli.command import environment
from tests.cli.gate import DEADLINE_S
from tests.processes import run
from tests.store.examples import audited, first

FOREIGN = "kept as it is\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a demo left behind."""

    folder: Path
    code: int
    out: str
    err: str
    report: Any  # any JSON


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A demo run as a program, into a folder where other things lie already."""
    here = tmp_path_factory.mktemp("demo")
    folder = here / "X"
    folder.mkdir()
    (folder / "notes.txt").write_text(FOREIGN)
    done = run("demo", "--folder", "X", folder=here, environment=environment())
    out, err = done.stdout.decode(), done.stderr.decode()
    return Shown(folder, done.returncode, out, err, _report(folder))


def _report(folder: Path) -> Any:  # noqa: ANN401 - any JSON
    settings = load(folder / "config.toml", environ={})
    with app.open_store(settings) as store:
        report = store.report(None)
    assert report is not None
    return encode_report(report)


def findings_of(report: Any) -> set[tuple[int, int, str, str]]:  # noqa: ANN401 - any JSON
    return {
        (result["project_id"], result["block_id"], result["name"], finding["path"])
        for result in report["targets"]
        for finding in result["findings"]
    }


def test_it_ends_well_and_says_where_the_page_is(shown: Shown) -> None:
    assert (shown.code, shown.err) == (0, "")
    *_, last_page, index = re.findall(r"file:\S+", shown.out)
    reports = shown.folder.resolve() / "reports"
    assert index == (reports / "index.html").as_uri()
    assert last_page == (reports / "run-000003.html").as_uri()
    assert "run-000003.html" in (reports / "index.html").read_text()


def test_its_three_nights_are_a_day_apart(shown: Shown) -> None:
    with app.open_store(load(shown.folder / "config.toml", environ={})) as store:
        third, second, first_night = store.all_runs()

    starts = [run.started_at for run in (first_night, second, third)]
    pauses = [later - start for start, later in pairwise(starts)]
    assert [(start.hour, start.minute) for start in starts] == [(3, 15)] * 3
    assert [round(pause / timedelta(days=1), 3) for pause in pauses] == [1, 1]
    assert all(
        start <= (run.finished_at or start)
        for run, start in zip((first_night, second, third), starts, strict=True)
    )
    assert timedelta(0) < app.now() - third.started_at < timedelta(days=2)
    days = f"between {second.started_at:%Y-%m-%d} 03:15 and {third.started_at:%Y-%m-%d} 03:15"
    assert days in shown.out


def test_it_links_to_no_page_of_a_studio_that_has_ended(shown: Shown) -> None:
    pages = [*(shown.folder / "reports").rglob("*.html")]

    assert pages
    for text in (shown.out, *(page.read_text() for page in pages)):
        assert "127.0.0.1" not in text


COMMAND = re.compile(r"\S+ -m auditor \w+ .*|\S*/auditor \w+ .*|\bauditor \w+ --config.*")


def test_whatever_it_prints_works_when_it_is_typed(shown: Shown) -> None:
    commands = COMMAND.findall(shown.out)
    [program] = {program_of(command) for command in commands}
    done = [
        typed(commands[0], shown.folder.parent),
        *(called(command.removeprefix(program), shown.folder.parent) for command in commands[1:]),
    ]

    verbs = {command.partition("auditor ")[2].split()[0] for command in commands}
    assert verbs == {"status", "history", "diff", "explain", "approve"}
    assert all("--config X/config.toml" in command for command in commands)
    assert not re.search(r"(?<!-m )\bauditor (explain|status|acknowledge)", shown.out)
    assert [(each.args, each.stderr) for each in done if each.returncode not in {0, 1}] == []


def program_of(command: str) -> str:
    """Return how a command calls the program: what stands before its verb."""
    before, name, _ = command.partition("auditor ")
    return before + name


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Let a shell read a whole command."""
    return subprocess.run(  # noqa: S603 - what the demo says
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
    )


def called(arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Call the program, which is found as in the command before, with what a shell would read."""
    return run(*shlex.split(arguments, comments=True), folder=folder, environment=environment())


def test_the_report_tells_the_edits_that_were_made_and_no_other(shown: Shown) -> None:
    assert findings_of(shown.report) == {
        (PUMP, 3, "Motion classifier", "visualLayers[3]"),
        (PUMP, 5, "Valve sounds", "trained"),
        (PUMP, 5, "Valve sounds", "shape"),
        (PUMP, 6, "Bearing classifier", "metadata.created"),
        (PUMP, 8, "Unusual motion", "metadata.created"),
        (PUMP, 9, "Microphone", "windowSizeMs"),
        (PUMP, 10, "MFE", "dsp.features.count"),
        (CAMERA, 2, "Part sorter", "dependencies.sampleCount"),
        (CAMERA, 3, "Screw finder", "thresholds[min_score].value"),
    }
    assert shown.report["totals"]["findings"] == 9


def test_who_trained_again_and_whether_the_model_is_worse_is_said(shown: Shown) -> None:
    trained = {
        result["block_id"]: (finding["severity"], finding["headline"])
        for result in shown.report["targets"]
        for finding in result["findings"]
        if finding["path"] == "metadata.created"
    }

    severity, headline = trained[6]
    assert (severity, headline.partition(",")[0]) == ("high", "Trained again by Cleo Example")
    assert headline.endswith(": accuracy 0.94 → 0.91 (int8)")
    severity, headline = trained[8]  # of clusters nothing is measured
    assert (severity, headline.partition(",")[0]) == ("medium", "Trained again by Ben Example")
    assert headline.endswith(" UTC")
    assert shown.out.count("rained again by Ben Example") == 1
    assert "trained by Ben Example" not in shown.out  # it would say the same again


def test_a_deployment_is_left_behind(shown: Shown) -> None:
    behind = [each for each in shown.report["open"] if each["kind"] == "deployment_behind"]

    assert [each["project_id"] for each in behind] == [CAMERA]


def test_the_vendor_is_reported_once_and_drifts_nobody(shown: Shown) -> None:
    described = [
        finding
        for finding in shown.report["catalogue"]
        if finding["path"].endswith("].description")
    ]
    [added] = [finding for finding in shown.report["catalogue"] if finding not in described]

    assert (added["path"], added["targets"]) == ("kFoldsValidationConfig", 8)
    assert sum(finding["targets"] for finding in described) == 8
    assert shown.report["totals"]["in_sync"] == 15


def test_the_block_that_was_not_read_is_unknown_and_not_in_sync(shown: Shown) -> None:
    unread = [
        (result["project_id"], result["block_id"], result["error"]["kind"])
        for result in shown.report["targets"]
        if result["state"] == "unknown"
    ]

    assert unread == [(CAMERA, 5, "http")]
    assert shown.report["run"]["status"] == "incomplete"


def test_the_report_shows_what_is_said_of_the_day(shown: Shown) -> None:
    story, _, report = shown.out.partition("Night 3")

    for name in (
        "Motion classifier",
        "Screw finder",
        "Valve sounds",
        "Part sorter",
        "Scratch",
        "Microphone",
        "MFE",
    ):
        assert name in story
        assert name in report
    assert "24 of 24 blocks checked: 24 new, 0 unchanged, 0 drifted." in story
    assert "24 of 24 blocks checked: 0 new, 24 unchanged, 0 drifted." in story


def test_another_demo_in_the_same_folder_begins_anew_and_leaves_other_files(
    shown: Shown,
) -> None:
    said: list[str] = []
    code = show_drift(shown.folder, said.append)
    again = _report(shown.folder)

    assert code == 0
    assert "24 new" in "".join(said)
    assert (again["run"]["id"], findings_of(again)) == (3, findings_of(shown.report))
    assert (shown.folder / "notes.txt").read_text() == FOREIGN


def test_a_demo_refuses_a_folder_where_somebody_has_an_installation(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[projects]]\nid = 1\napi_key = { env = "K" }\n')
    with open_database(f"sqlite:///{tmp_path / 'auditor.db'}", upgrade=True) as store:
        audited(store, 0, first())
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "run-000001.html").write_text("page")
    before = config.read_text(), (tmp_path / "auditor.db").read_bytes()

    with pytest.raises(UsageError, match="--folder"):
        show_drift(tmp_path, lambda _: None)

    assert (config.read_text(), (tmp_path / "auditor.db").read_bytes()) == before
    assert (tmp_path / "reports" / "run-000001.html").exists()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo says of a page in place of an answer, and of a listing that is refused."""
    lines: list[str] = []
    planned = plan_faults(["html", "listing_refused", "html"])
    assert show_faults(tmp_path_factory.mktemp("rehearsal"), planned, lines.append) == 0
    return "\n".join(lines)


def test_what_fails_is_reported_with_what_comes_over_the_wire(said: str) -> None:
    before, _, _ = said.partition("Night 2")

    assert "  - the listing of Pump monitor: `/impulses` says `success` false" in before
    assert before.count("  - Scratch detector: 200 and a sign-in page (html)") == 1


def test_the_second_night_is_incomplete_and_says_why(said: str) -> None:
    _, _, report = said.partition("Night 2")

    assert "INCOMPLETE. 13 of 24 blocks could not be checked." in report
    assert "Studio refused: Something went wrong" in report
    assert "the answer is not JSON: it looks like a web page" in report


def test_the_third_night_is_clean(said: str) -> None:
    _, _, after = said.partition("Night 3")

    assert "24 of 24 blocks checked: 0 new, 24 unchanged, 0 drifted." in after


def test_a_fault_of_no_name_is_refused_with_the_names_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["demo", "--fault", "gremlins"])

    words = capsys.readouterr().err
    assert code == 2
    assert "gremlins" in words
    assert all(fault in words for fault in Fault)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["listing_html", "listing_empty"], id="two of a listing"),
        pytest.param(["listing_html", *list(Fault)[:5]], id="five beside one of a listing"),
        pytest.param(list(Fault)[:10], id="more than blocks"),
    ],
)
def test_more_faults_than_the_demo_has_room_for_are_refused(names: list[str]) -> None:
    with pytest.raises(UsageError, match="too many faults"):
        plan_faults(names)


def test_every_fault_is_listed_with_what_comes_over_the_wire(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo", "--list-faults"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        [fault, words] for fault, words in FAULT_DESCRIPTIONS.items()
    ]


def test_a_studio_that_serves_on_is_audited_by_hand(tmp_path: Path) -> None:
    folder, said = tmp_path / "demo", list[str]()
    codes: list[int] = []

    def presses() -> Iterator[str]:
        codes.append(main(["check", "--config", str(folder / "config.toml")]))
        yield "\n"
        codes.append(main(["run", "--config", str(folder / "config.toml"), "--exit-code"]))

    code = show_drift(folder, said.append, presses())
    report = _report(folder)

    assert (code, codes) == (0, [0, 1])
    edit = "Motion classifier (block 101/3): the confidence threshold is changed from 0.6 to 0.45"
    assert f"  - {edit}" in said
    assert (report["run"]["id"], report["totals"]["unknown"]) == (4, 0)
    assert findings_of(report) == {(PUMP, 3, "Motion classifier", "thresholds[min_score].value")}


def test_a_first_configuration_is_made_with_a_key_of_the_demo(tmp_path: Path) -> None:
    said: list[str] = []
    codes: list[int] = []

    def presses() -> Iterator[str]:
        base_url, key = printed_login(said)
        done = run(
            *("init", "--api-key-env", "EI_KEY", "--base-url", base_url),
            folder=tmp_path,
            environment=environment(EI_KEY=key),
        )
        codes.append(done.returncode)
        yield from ()

    show_drift(tmp_path / "demo", said.append, presses())

    assert codes == [0]


def printed_login(said: list[str]) -> tuple[str, str]:
    """Return the base URL and the key that the demo prints for `init`."""
    [(base_url, key)] = re.findall(r"auditor init --base-url (\S+)\n  (ei_\w+)", "\n".join(said))
    return base_url, key


def test_each_enter_is_drift_for_the_key_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    config = ("--config", str(tmp_path / "own.toml"))
    found: list[tuple[int, list[str]]] = []

    def presses() -> Iterator[str]:
        base_url, key = printed_login(said)
        monkeypatch.setenv("EI_KEY", key)
        assert main(["init", *config, "--api-key-env", "EI_KEY", "--base-url", base_url]) == 0
        assert main(["run", *config]) == 0
        for _ in 3 * EDITS:
            yield "\n"
            capsys.readouterr()
            code = main(["run", *config, "--exit-code", "--format", "json"])
            report = json.loads(capsys.readouterr().out)
            drifted = [each for each in report["targets"] if each["state"] == "drifted"]
            found.append((code, [f"{each['project_id']}/{each['block_id']}" for each in drifted]))

    show_drift(tmp_path / "demo", said.append, presses())
    edits = [line for line in said if "is changed from" in line]

    assert found == [(1, [f"{PUMP}/{edit.block_id}"]) for edit in 3 * EDITS]
    for line, (_, [block]) in zip(edits, found, strict=True):
        assert f"(block {block})" in line
    assert len(set(edits)) == len(edits)


def test_a_configuration_that_was_edited_is_kept_and_leads_to_the_studio_that_serves(
    tmp_path: Path,
) -> None:
    folder, said = tmp_path / "demo", list[str]()
    channel = '[[channels]]\nname = "chat"\nurl = { env = "CHAT_URL" }\n'
    codes: list[int] = []

    def presses() -> Iterator[str]:
        codes.append(main(["run", "--config", str(folder / "config.toml"), "--no-send"]))
        yield from ()

    show_drift(folder, lambda _: None)
    config = folder / "config.toml"
    made = config.read_text()
    config.write_text(made + channel)
    show_drift(folder, said.append)
    kept = config.read_text()
    config.write_text(kept.removesuffix(channel) + "# mine\n")
    show_drift(folder, lambda _: None, presses())

    assert kept.endswith(channel)
    assert (kept.splitlines()[0], len(kept)) == (made.splitlines()[0], len(made + channel))
    assert f"{config} has been edited and is kept" in "\n".join(said)
    assert config.read_text().endswith("# mine\n")
    assert codes == [0]


def test_where_its_port_is_taken_it_serves_on_another_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []

    with ExitStack() as stack:
        with suppress(OSError):  # another demo has it already
            stack.enter_context(create_server(("127.0.0.1", PORT)))
        show_drift(tmp_path / "demo", said.append, iter(()))

    [line] = [line for line in said if "Studio runs on" in line]
    assert f"(port {PORT} is in use" in line
    assert f":{PORT}/" not in line


def test_it_serves_until_its_input_ends(tmp_path: Path) -> None:
    done = run(*("demo", "--serve"), folder=tmp_path, environment=environment(), stdin=b"\n" * 14)
    edits = [line for line in done.stdout.decode().splitlines() if "is changed from" in line]

    assert (done.returncode, len(edits)) == (0, 14)
    assert done.stdout.decode().splitlines()[-1].startswith("Studio is stopped.")


def test_the_history_of_a_block_that_was_only_trained_says_so(shown: Shown) -> None:
    done = run(
        *("history", "101/8", "--config", "X/config.toml"),
        folder=shown.folder.parent,
        environment=environment(),
    )
    lines = done.stdout.decode().splitlines()

    assert done.returncode == 0
    assert lines[1].endswith("  -    trained  Trained again")
    assert lines[2].endswith("First seen")
    assert len(lines) == 3
