"""`make demo` in a clone: what it says while it installs, with stubs that install nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import ROOT

# The interpreter "makes" an environment with itself in it; its pip "installs" the command.
_PYTHON = """#!/bin/sh
case "$*" in
  *"-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"--editable ."*) printf '#!/bin/sh\\necho "the demo: $*"\\n' > .venv/bin/auditor
                    chmod +x .venv/bin/auditor ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_demo_says_each_step_in_a_line_and_nothing_else(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(_PYTHON)
    python.chmod(0o755)
    done = subprocess.run(  # noqa: S603 - the system's own
        ["make", "demo", f"PYTHON={python}"],  # noqa: S607 - the system's own
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},  # nothing of a `make` that runs this test
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.splitlines() == [
        "Making a Python environment in .venv",
        "Installing what the auditor needs (a minute or so)",
        "Installing the command .venv/bin/auditor",
        "the demo: demo",
    ]
