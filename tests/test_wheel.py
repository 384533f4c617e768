"""The wheel as it is installed: alone in an environment, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor import __version__

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that has the wheel, and the wheel."""

    home: Path
    wheel: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment from a folder of its own."""
        folder = self.home.parent / "elsewhere"
        folder.mkdir(exist_ok=True)
        return started(str(self.home / "bin" / program), *arguments, folder=folder)


def started(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(  # noqa: S603 - the tests name what is run
        command, cwd=folder, env=bare, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    here = tmp_path_factory.mktemp("wheel")
    build = ("build", "--wheel", "--no-isolation", "--outdir", str(here / "dist"))
    made = started(sys.executable, "-m", *build, folder=ROOT)
    assert made.returncode == 0, made.stdout + made.stderr
    [wheel] = (here / "dist").iterdir()
    home = here / "environment"
    venv.create(home, with_pip=False)
    _lend_libraries(home)
    pip = ("pip", "--python", str(home), "install", "--no-deps", "--no-index", str(wheel))
    done = started(sys.executable, "-m", *pip, folder=here)
    assert done.returncode == 0, done.stdout + done.stderr
    return Installed(home, wheel)


def _lend_libraries(home: Path) -> None:
    """Let the environment use the libraries of this one; the wheel's own package comes first."""
    [own] = (home / "lib").glob("python*/site-packages")
    (own / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")


def test_everything_the_program_reads_is_in_the_wheel(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    laid_out = {
        f"auditor/_data/{file.relative_to(ROOT)}"
        for folder in ("templates", "migrations", "docs", "systemd")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    package = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "auditor").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert laid_out | package <= names
    assert {name.split("/")[0] for name in names} == {
        "auditor",
        f"drift_auditor-{__version__}.dist-info",
        f"drift_auditor-{__version__}.data",
    }


def test_the_manual_page_is_where_man_finds_it(installed: Installed) -> None:
    page = installed.home / "share" / "man" / "man1" / "auditor.1"

    assert page.read_text() == (ROOT / "docs" / "auditor.1").read_text()


def test_a_message_names_the_files_that_were_installed(installed: Installed) -> None:
    done = installed.run("auditor", "status")

    [example] = [Path(word) for word in done.stderr.split() if "config.example.toml" in word]
    assert example.is_relative_to(installed.home)
    assert example.is_file()


def test_the_units_come_from_the_wheel(installed: Installed) -> None:
    done = installed.run("auditor", "init", "--systemd", "units")

    unit = installed.home.parent / "elsewhere" / "units" / "auditor.service"
    assert done.returncode == 0
    assert f"ExecStart={installed.home}/bin/python -I" in unit.read_text()


def test_editors_find_the_schema_beside_the_example(installed: Installed) -> None:
    printed = installed.run("auditor", "config", "schema")

    [folder] = installed.home.glob("lib/python*/site-packages/auditor/_data")
    assert printed.stderr == ""
    assert printed.stdout == (folder / "config.schema.json").read_text()
    assert (folder / "config.example.toml").read_text().startswith("#:schema ./config.schema.json")


def test_templates_and_migrations_come_from_the_wheel(installed: Installed) -> None:
    program = (
        "import auditor.resources as r\n"
        "print(r.__file__, r.folder('templates'), r.folder('migrations'), sep='\\n')"
    )
    done = installed.run("python", "-I", "-c", program)

    assert done.stderr == ""
    found = [Path(line) for line in done.stdout.splitlines()]
    assert len(found) == 3
    assert all(path.is_relative_to(installed.home) for path in found)


def test_the_demo_runs_from_another_folder_and_prints_a_command_that_works(
    installed: Installed,
) -> None:
    done, elsewhere = installed.run("auditor", "demo", "--folder", "X"), installed.home.parent
    [command] = [line.strip() for line in done.stdout.splitlines() if " status " in line]
    page = elsewhere / "elsewhere" / "X" / "reports" / "run-000003.html"

    assert (done.returncode, done.stderr) == (0, "")
    assert "Layer 4 added: dropout" in done.stdout
    assert "</html>" in page.read_text()
    assert command == f"{installed.home}/bin/auditor status --config X/config.toml"
    shown = started("/bin/sh", "-c", command, folder=elsewhere / "elsewhere")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Screw finder" in shown.stdout


@pytest.mark.parametrize("program", [["auditor"], ["python", "-I", "-m", "auditor"]])
def test_the_command_is_installed(installed: Installed, program: list[str]) -> None:
    done = installed.run(*program, "--version")

    assert (done.returncode, done.stdout) == (0, f"auditor {__version__}\n")
