"""What a run may take of the machine however much Studio sends."""

from __future__ import annotations

from pathlib import Path

from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.model import TargetId
from tests.audit.stage import KEY, PROJECT
from tests.cli.command import python
from tests.simulated_studio import SimulatedStudio

_LIMIT_KIB = 200 * 1024
_LARGE = (
    Fault.TOO_LARGE,
    Fault.TOO_LARGE_CHUNKED,
    Fault.GZIP_BOMB,
    Fault.DEFLATE_BOMB,
    Fault.BROTLI_BOMB,
    Fault.ZSTD_BOMB,
    Fault.ENDLESS_HEADERS,
    Fault.DEEP_NESTING,
)
# The peak of this program alone: getrusage would count what its parent was before it.
_RUN = """
import re
from pathlib import Path
from auditor.cli import main
code = main(["run"])
peak = re.search("VmHWM:\\\\s+([0-9]+) kB", Path("/proc/self/status").read_text())
print(f"exit {code}, {peak[1]} KiB")
"""
_CONFIG = """
[studio]
base_url = "{base_url}"
tries = 1
[[projects]]
id = 7
name = "Pump"
api_key = {{ env = "EI_KEY" }}
"""


def test_a_night_of_bombs_stays_under_200_mib(tmp_path: Path) -> None:
    with SimulatedStudio() as studio:
        studio.add_project(PROJECT, name="pump", api_key=KEY)
        for learn_id, fault in enumerate(_LARGE, start=3):
            studio.put(TargetId(PROJECT, learn_id), sample_blocks()["keras"])
            studio.fail(fault, target=TargetId(PROJECT, learn_id))
        (tmp_path / "config.toml").write_text(_CONFIG.format(base_url=studio.base_url))
        done = python("-c", _RUN, folder=tmp_path, EI_KEY=KEY)

    *_, last = done.stdout.decode().splitlines()
    code, peak_kib = last.removeprefix("exit ").removesuffix(" KiB").split(", ")
    assert code == "2"
    assert b"None of 8 blocks could be checked" in done.stdout
    assert int(peak_kib) < _LIMIT_KIB
