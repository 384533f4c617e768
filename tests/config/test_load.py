from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.config import find, load
from auditor.errors import ConfigError
from tests.config.test_tables import PROJECT


def test_line_ends_and_byte_order_mark_of_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + PROJECT.replace("\n", "\r\n").encode())

    assert load(path, environ={"KEY": "k"}).projects[0].id == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[studio\n", "line 1: is not TOML"),
        (b"[studio]\n\ntries =\n", "line 3: is not TOML"),
        (b"a = [1,", "is not TOML"),
        (b"a = 1\na = 2\n", "line 2: is not TOML"),
        (b"a = " + b"1" * 5000, "file: is not TOML"),
        (b"# \xff", "file: is not UTF-8 text (byte 3)"),
    ],
    ids=["heading", "value", "end", "twice", "number", "encoding"],
)
def test_a_file_that_is_no_toml_is_named_with_its_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path, environ={})

    assert str(caught.value).startswith(f"{path} cannot be used:\n")
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=f"{tmp_path}/none.toml does not exist"):
        load(Path("none.toml"), environ={})


def test_a_folder_and_what_cannot_be_opened_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path, environ={})
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        load(tmp_path / "file" / "config.toml", environ={})
    with pytest.raises(ConfigError, match="cannot be read: invalid name"):
        load(Path("a\0b"), environ={})


def test_the_option_comes_before_the_variable_before_the_usual_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").touch()
    environ = {"AUDITOR_CONFIG": "/srv/b.toml"}

    assert find("/srv/a.toml", environ) == Path("/srv/a.toml")
    assert find(None, environ) == Path("/srv/b.toml")
    assert find(None, {"AUDITOR_CONFIG": ""}) == Path("config.toml")


def test_a_folder_that_one_may_not_look_into_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0 or Path("/etc/auditor/config.toml").exists():
        pytest.skip("takes root, to become somebody else, and no configuration in /etc/auditor")
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="no configuration found"):
            find(None, {})
    finally:
        os.seteuid(0)


def test_where_there_is_none_the_places_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/etc/auditor/config.toml").exists():
        pytest.skip("this machine has a configuration in /etc/auditor")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        find(None, {})

    for place in ("--config", "$AUDITOR_CONFIG", f"{tmp_path}/config.toml", "/etc/auditor"):
        assert place in str(caught.value)


def test_pydantic_is_the_only_heavy_import() -> None:
    heavy = "{'sqlalchemy', 'aiohttp', 'httpx', 'jinja2', 'deepdiff', 'apscheduler'}"
    program = f"import sys, auditor.config; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(  # noqa: S603 - the program is above
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout.strip() == "[]"


def test_a_folder_with_a_question_mark_is_refused_for_a_database(tmp_path: Path) -> None:
    """A URL's path ends there: another file would be opened, silently."""
    folder = tmp_path / "what?"
    folder.mkdir()
    (folder / "config.toml").write_text('[[projects]]\nid = 1\napi_key = { env = "K" }\n')

    with pytest.raises(ConfigError, match=r"folder with \? in its name"):
        load(folder / "config.toml", environ={"K": "ei_0"})
