"""docs/ci.md: each command is run as printed there, against a Studio on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from auditor.demo.studio_server import sample_blocks
from auditor.model import TargetId
from tests.audit.stage import KEY
from tests.cli.command import ROOT, environment
from tests.cli.gate import DEADLINE_S
from tests.processes import command
from tests.simulated_studio import SimulatedStudio

PAGE = (ROOT / "docs" / "ci.md").read_text()
BLOCKS = dict(re.findall(r"```sh (\w+)\n(.*?)```", PAGE, re.DOTALL))
TARGET = TargetId(12345, 3)
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "curl", "jq")),
    reason="bash, curl and jq are not all on this machine",
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a CI service: a folder, a Studio to ask, and the key as its secret."""

    folder: Path
    studio: SimulatedStudio

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one listing of the page."""
        script = BLOCKS[name].replace("https://studio.edgeimpulse.com/v1", self.studio.base_url)
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(  # noqa: S603 - the page says what is run
            ["bash", "-e", "-c", script],  # noqa: S607
            cwd=self.folder,
            env=environment(EI_KEY=KEY, PATH=path),
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )

    def edit(self, **values: object) -> None:
        self.studio.edit(TARGET, lambda answer: answer.update(values))


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    program = tmp_path / "bin" / "auditor"
    program.parent.mkdir()
    with command(program), SimulatedStudio() as studio:
        studio.add_project(TARGET.project_id, name="pump", api_key=KEY)
        studio.put(TARGET, sample_blocks()["keras"])
        (tmp_path / "config.toml").write_text(
            f'[studio]\nbase_url = "{studio.base_url}"\n'
            '[[projects]]\nid = 12345\napi_key = { env = "EI_KEY" }\n'
        )
        yield Job(tmp_path, studio)


def test_a_configuration_is_checked_without_a_secret(job: Job) -> None:
    usable = job.run("configuration")
    (job.folder / "config.toml").write_text("[studio]\nconcurency = 8\n")
    wrong = job.run("configuration")

    assert (usable.returncode, usable.stderr) == (0, "")
    assert wrong.returncode == 2
    assert "studio.concurency" in wrong.stderr
    assert job.studio.requests == []


def test_a_block_that_is_as_stored_is_exit_0(job: Job) -> None:
    assert job.run("golden").returncode == 0

    done = job.run("drift")

    assert (done.returncode, done.stderr) == (0, "")


def test_drift_is_exit_1(job: Job) -> None:
    job.run("golden")
    job.edit(batchSize=64)
    done = job.run("drift")

    assert done.returncode == 1
    assert "batchSize" in done.stdout


def test_a_key_that_studio_refuses_fails_the_job(job: Job) -> None:
    job.run("golden")
    job.studio.change_key(TARGET.project_id, "ei_another")
    done = job.run("drift")

    assert done.returncode not in (0, 1)
    assert KEY not in done.stdout + done.stderr


def test_a_file_that_is_no_answer_is_exit_2(job: Job) -> None:
    job.run("golden")
    (job.folder / "golden.json").write_text("<html>Bad gateway</html>")

    assert job.run("drift").returncode == 2


@pytest.mark.parametrize(
    ("edit", "code"), [({}, 0), ({"batchSize": 64}, 0), ({"trained": False}, 1)]
)
def test_only_what_is_severe_can_fail_the_job(
    job: Job, edit: dict[str, object], code: int
) -> None:
    job.edit(trained=True)
    job.run("golden")
    job.edit(**edit)
    job.run("drift")
    done = job.run("severe")

    assert done.returncode == code, done.stderr


def test_a_stored_version_takes_the_place_of_a_file(job: Job) -> None:
    job.run("golden")
    job.edit(batchSize=64)
    shell = ["bash", "-e", "-c", f"{job.folder}/bin/auditor run"]
    subprocess.run(  # noqa: S603 - as above
        shell,
        cwd=job.folder,
        env=environment(EI_KEY=KEY),
        capture_output=True,
        check=True,
        timeout=DEADLINE_S,
    )
    done = job.run("stored")

    assert done.returncode == 1
    assert "batchSize" in done.stdout


def test_every_listing_of_the_page_is_tried() -> None:
    tried = set(re.findall(r'job\.run\("(\w+)"\)', Path(__file__).read_text()))

    assert set(BLOCKS) == tried


def test_the_workflow_runs_the_commands_of_the_page() -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    steps = yaml.safe_load(text)["jobs"]["drift"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]

    assert commands[1:] == [
        BLOCKS["configuration"].strip(),
        BLOCKS["drift"],
    ]
