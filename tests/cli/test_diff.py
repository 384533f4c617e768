from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.model import TargetId
from tests.audit.stage import KEY, Stage, block, target
from tests.cli.command import Command, environment
from tests.processes import run


@pytest.fixture
def old(tmp_path: Path) -> str:
    return write(tmp_path / "old.json", block())


@pytest.fixture
def new(tmp_path: Path) -> str:
    return write(tmp_path / "new.json", block(batchSize=64))


def write(path: Path, answer: object) -> str:
    path.write_text(json.dumps(answer))
    return str(path)


def paths(document: object) -> list[str]:
    assert isinstance(document, dict)
    return [finding["path"] for finding in document["findings"]]


def test_two_files_with_a_finding_between_them_are_exit_1(
    auditor: Command, old: str, new: str
) -> None:
    done = auditor("diff", old, new)

    assert (done.code, done.err) == (1, "")
    assert "1 finding, 0 suppressed, model stale" in done.out
    assert "batchSize" in done.out


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_equal_answers_are_exit_0(auditor: Command, old: str, form: str) -> None:
    done = auditor("diff", old, old, "--format", form)

    assert (done.code, done.err) == (0, "")


def test_json_is_as_the_contract_has_it(auditor: Command, old: str, new: str) -> None:
    document = auditor("diff", old, new, "--format", "json").json

    assert list(document) == ["schema", "model_state", "findings", "suppressed"]
    assert document["schema"] == "auditor.diff/1"
    [finding] = document["findings"]
    assert list(finding) == [
        "id",
        "area",
        "owner",
        "kind",
        "path",
        "before",
        "after",
        "severity",
        "headline",
        "rule",
        "since",
        "folded",
    ]
    assert (finding["path"], finding["before"], finding["after"]) == ("batchSize", 32, 64)


def test_html_is_one_whole_page(auditor: Command, old: str, new: str) -> None:
    done = auditor("diff", old, new, "--format", "html")

    assert done.code == 1
    assert done.out.lower().startswith("<!doctype html>")
    assert done.out.rstrip().endswith("</html>")
    assert "batchSize" in done.out


def test_changes_of_the_vendor_are_among_the_findings(
    auditor: Command, old: str, tmp_path: Path
) -> None:
    answer = block()
    answer["transferLearningModels"][0]["description"] = "Better"
    new = write(tmp_path / "new.json", answer)
    done = auditor("diff", old, new, "--format", "json")

    assert done.code == 1
    assert [(finding["area"], finding["owner"]) for finding in done.json["findings"]] == [
        ("catalogue", "vendor")
    ]


def test_what_is_suppressed_alone_is_exit_0(auditor: Command, old: str, tmp_path: Path) -> None:
    new = write(tmp_path / "new.json", block(showAdvancedTrainingSettings=True))
    done = auditor("diff", old, new, "--format", "json")

    assert (done.code, done.json["suppressed"]) == (0, 1)


def test_the_same_comparison_is_the_same_to_the_byte(auditor: Command, old: str, new: str) -> None:
    once, again = (auditor("diff", old, new, "--format", "json").out for _ in range(2))

    assert once == again


def test_a_secret_in_a_file_is_compared_and_not_shown(auditor: Command, tmp_path: Path) -> None:
    keys = "ei_" + "ab" * 24, "ei_" + "cd" * 24
    files = [
        write(tmp_path / f"{number}.json", block(script=f'KEY = "{key}"\n'))
        for number, key in enumerate(keys)
    ]
    done = auditor("diff", *files, "--format", "json")

    assert done.code == 1
    assert not [key for key in keys if key in done.out]
    assert "(hidden)" in done.out


def test_one_side_can_be_standard_input(old: str, tmp_path: Path) -> None:
    arguments = ("diff", old, "-", "--format", "json")
    answer = json.dumps(block(batchSize=64)).encode()
    done = run(*arguments, folder=tmp_path, environment=environment(), stdin=answer)

    assert (done.returncode, done.stderr) == (1, b"")
    assert paths(json.loads(done.stdout)) == ["batchSize"]


def test_both_sides_cannot_be_standard_input(auditor: Command) -> None:
    done = auditor("diff", "-", "-")

    assert (done.code, done.out) == (2, "")
    assert "only one of OLD and NEW" in done.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is not a getKeras answer"),
        (b"<!DOCTYPE html>", "is not a getKeras answer"),
        (b'{"success": false, "error": "Invalid API key"}', "Invalid API key"),
        (b'{"success": true}', "dependencies"),
        (b"\xff\xfe{}", "is not a getKeras answer"),
        (b'{"learningRate": NaN}', "is not a getKeras answer"),
    ],
    ids=["missing", "empty", "html", "refused", "lacking", "not utf-8", "nan"],
)
def test_what_is_no_answer_is_named_and_exit_2(
    auditor: Command, old: str, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_bytes(content)
    done = auditor("diff", old, str(path))

    assert (done.code, done.out) == (2, "")
    assert f"{path} " in done.err
    assert words in done.err


def test_a_folder_cannot_be_read(auditor: Command, old: str, tmp_path: Path) -> None:
    done = auditor("diff", str(tmp_path), old)

    assert (done.code, done.out) == (2, "")
    assert "cannot be read: Is a directory" in done.err


def test_what_standard_input_holds_is_called_so(old: str, tmp_path: Path) -> None:
    arguments = ("diff", "-", old)
    done = run(*arguments, folder=tmp_path, environment=environment(), stdin=b"{}")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"standard input is not a getKeras answer" in done.stderr


def test_two_files_need_no_configuration_but_one_that_is_named_must_be_right(
    auditor: Command, old: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[studio]\nconcurency = 8\n")
    done = auditor("diff", old, old, "--config", str(wrong))

    assert auditor("diff", old, old).code == 0
    assert (done.code, done.out) == (2, "")
    assert "concurency" in done.err


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("7/3@previous", "7/3", ["batchSize"]),
        ("7/3@previous", "7/3@latest", ["batchSize"]),
        ("7/3@run:1", "7/3@run:2", []),
        ("7/3@run:2", "7/3@run:3", ["batchSize"]),
        ("7/3@run:3", "7/3@run:2", ["batchSize"]),
        ("7/4@latest", "7/4@run:1", []),
    ],
)
@pytest.mark.usefixtures("history")
def test_stored_versions_are_compared(
    auditor: Command, old: str, new: str, found: list[str]
) -> None:
    done = auditor("diff", old, new, "--format", "json")

    assert (done.code, done.err) == (1 if found else 0, "")
    assert paths(done.json) == found


def test_a_file_is_compared_with_a_stored_version_either_way(
    history: Stage, auditor: Command, tmp_path: Path
) -> None:
    live = write(tmp_path / "live.json", history.studio.answer(target(3)))

    assert auditor("diff", "7/3", live).code == 0
    assert auditor("diff", live, "7/3@latest").code == 0
    assert paths(auditor("diff", "7/3@run:1", live, "--format", "json").json) == ["batchSize"]


@pytest.mark.usefixtures("history")
def test_a_finding_between_stored_versions_has_the_reports_id(auditor: Command) -> None:
    reported = auditor("report", "--format", "json").json["targets"][0]["findings"]
    compared = auditor("diff", "7/3@previous", "7/3", "--format", "json").json["findings"]

    assert compared == reported


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("7/3@baseline", "no baseline of 7/3 is approved"),
        ("7/4@previous", "there is no version 7/4@previous"),
        ("7/3@run:0", "there is no run 0"),
        ("7/3@1999-12-31", "there is no version 7/3@1999-12-31"),
        ("7/3@yesterday", "'yesterday' is not a point in time"),
        ("7/3@2026-02-30", "'2026-02-30' is not a point in time"),
        ("7/3@run:x", "'run:x' is not a point in time"),
        ("7/9", "no version of 7/9 is stored"),
        ("8/3", "no version of 8/3 is stored"),
    ],
)
@pytest.mark.usefixtures("history")
def test_a_version_that_is_not_stored_is_exit_2(auditor: Command, name: str, words: str) -> None:
    done = auditor("diff", name, "7/3")

    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.usefixtures("pump")
def test_digits_and_a_stroke_name_a_stored_version_and_never_a_file(
    auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    write(tmp_path / "7" / "3", block())
    monkeypatch.chdir(tmp_path)

    assert auditor("diff", "7/3", "7/3").code == 2
    assert auditor("diff", "./7/3", "./7/3").code == 0


def test_a_parameter_the_database_knows_as_secret_is_hidden_in_a_file(
    pump: Stage, auditor: Command, tmp_path: Path
) -> None:
    models = [{"type": "fomo", "customParameters": [{"param": "token", "type": "secret"}]}]
    stored = block(transferLearningModels=models, customParameters={"token": "canary-1"})
    pump.studio.put(TargetId(7, 5), stored)
    auditor("run")
    bare = block(transferLearningModels=[], customParameters={"token": "canary-2"})
    done = auditor("diff", "7/5", write(tmp_path / "bare.json", bare), "--format", "json")

    assert "customParameters.token" in paths(done.json)
    assert "canary" not in done.out + done.err
    assert KEY not in done.out + done.err
