"""The demo: three nights of a made-up fleet, audited by the real program on this machine.

The first night sees everything for the first time, on the second nothing has happened, before the
third somebody had a busy day.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auditor import app, config
from auditor.app import DeliveredRun
from auditor.config import Settings
from auditor.demo.faults import Fault
from auditor.demo.studio import BuiltInStudio, sample_blocks
from auditor.errors import UsageError
from auditor.model import TargetId

KEY = "ei_" + "d3" * 24  # of a Studio that lives as long as the demo
PUMP, CAMERA = 101, 202

MARK = "# Written by `auditor demo`"
CONFIG = """\
# Written by `auditor demo`: a Studio of its own that lives as long as the demo, two projects.
[studio]
base_url = "{base_url}"
timeout_s = 5
tries = 2
[database]
url = "sqlite:///auditor.db"
[reports]
directory = "reports"
[[projects]]
id = {pump}
name = "Pump monitor"
api_key = {{ env = "AUDITOR_DEMO_KEY" }}
learn_blocks = "all"
[[projects]]
id = {camera}
name = "Line camera"
api_key = {{ env = "AUDITOR_DEMO_KEY" }}
learn_blocks = "all"
"""

_Answer = dict[str, Any]
Say = Callable[[str], None]


def show(folder: Path, say: Say) -> int:
    """Play the three nights in `folder` and tell what happens; return an exit code."""
    clear(folder)
    with BuiltInStudio() as studio:
        furnish(studio)
        settings = configure(folder, studio.base_url)
        say(f"A made-up Studio with {len(FLEET)} learn blocks in 2 projects is at hand.\n")
        say("Night 1: the auditor sees them for the first time.")
        tell(night(settings), say)
        say("\nNight 2: nothing has happened in between.")
        tell(night(settings), say)
        say("\nThen somebody has a busy day:")
        for words in busy_day(studio):
            say(f"  - {words}")
        say("\nNight 3, as the report tells it:\n")
        last = night(settings)
    say(app.build_renderer(settings).text(last.report, page=last.page or ""))
    say(f"The same report as a page: {last.page}")
    return 0 if last.page else 2


def furnish(studio: BuiltInStudio) -> None:
    """Fill a Studio with the fleet of the demo."""
    samples = sample_blocks()
    studio.add_project(PUMP, name="pump-monitor", api_key=KEY)
    studio.add_project(CAMERA, name="line-camera", api_key=KEY)
    for target, sample, name in FLEET:
        studio.put(target, {**samples[sample], "name": name})
    studio.edit(TargetId(PUMP, 3), _six_layers)


FLEET = (
    (TargetId(PUMP, 3), "keras", "Motion classifier"),
    (TargetId(PUMP, 4), "keras-regression", "Remaining life"),
    (TargetId(PUMP, 5), "keras-transfer-kws", "Valve sounds"),
    (TargetId(PUMP, 6), "keras-expert", "Bearing classifier"),
    (TargetId(PUMP, 7), "keras-untrained", "Prototype"),
    (TargetId(CAMERA, 2), "keras-transfer-image", "Part sorter"),
    (TargetId(CAMERA, 3), "keras-object-detection", "Screw finder"),
    (TargetId(CAMERA, 4), "keras-object-detection-yolo-pro", "Label finder"),
    (TargetId(CAMERA, 5), "keras-visual-anomaly", "Scratch detector"),
)


def busy_day(studio: BuiltInStudio) -> tuple[str, ...]:
    """Edit the fleet as people and the vendor do; return what was done, in words."""
    studio.edit(TargetId(PUMP, 3), _insert_dropout)
    studio.edit(TargetId(CAMERA, 3), _lower_threshold)
    studio.edit(TargetId(PUMP, 5), _lose_training)
    studio.edit(TargetId(CAMERA, 2), _add_samples)
    for target, _, _ in FLEET:
        studio.edit(target, _vendor_release)
    studio.fail(Fault.HTTP_500, target=TargetId(CAMERA, 5))
    return (
        "Motion classifier: a dropout layer is inserted in the middle of six",
        "Screw finder: the score threshold is lowered from 0.5 to 0.35",
        "Valve sounds: the training is lost",
        "Part sorter: 120 samples are added",
        "the vendor rewords a model's description and adds a field to every answer",
        "Scratch detector: Studio answers with an error",
    )


def _six_layers(answer: _Answer) -> None:
    answer["visualLayers"] = [
        {"type": "reshape", "columns": 13},
        {"type": "conv1d", "neurons": 8, "kernelSize": 3},
        {"type": "conv1d", "neurons": 16, "kernelSize": 3},
        {"type": "flatten"},
        {"type": "dense", "neurons": 20},
        {"type": "dense", "neurons": 10},
    ]


def _insert_dropout(answer: _Answer) -> None:
    answer["visualLayers"].insert(3, {"type": "dropout", "dropoutRate": 0.25})
    marker = "model.add(Dense(20"
    answer["script"] = answer["script"].replace(marker, f"model.add(Dropout(0.25))\n{marker}")


def _lower_threshold(answer: _Answer) -> None:
    answer["thresholds"][0]["value"] = 0.35
    answer["minimumConfidenceRating"] = 0.35


def _lose_training(answer: _Answer) -> None:
    answer["trained"] = False


def _add_samples(answer: _Answer) -> None:
    answer["dependencies"]["sampleCount"] += 120


def _vendor_release(answer: _Answer) -> None:
    first = answer["transferLearningModels"][0]
    first["description"] = f"{first['description']} Now with better defaults."
    answer["kFoldsValidationConfig"] = {"enabled": False, "folds": 5}


def clear(folder: Path) -> None:
    """Start from nothing, but remove only what a demo made.

    Raises:
        UsageError: the folder holds something that no demo made.
    """
    config_file = folder / "config.toml"
    is_demo = config_file.is_file() and config_file.read_text("utf-8", "replace").startswith(MARK)
    is_taken = any((folder / name).exists() for name in ("config.toml", "auditor.db", "reports"))
    if not is_demo and (is_taken or (folder.exists() and not folder.is_dir())):
        raise UsageError(f"{folder} holds what no demo made: name another folder with --folder")
    for name in ("auditor.db", "auditor.db-wal", "auditor.db-shm", "auditor.db.lock"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "reports", ignore_errors=True)


def configure(folder: Path, base_url: str) -> Settings:
    """Write the configuration of the demo into its folder and take it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text(CONFIG.format(base_url=base_url, pump=PUMP, camera=CAMERA))
    return config.load(path, environ={"AUDITOR_DEMO_KEY": KEY})


def night(settings: Settings) -> DeliveredRun:
    """Audit the fleet once."""
    with app.open_store(settings) as store:
        return app.run_async(app.run_and_deliver(settings, app.build_request(settings), store))


def tell(told: DeliveredRun, say: Say) -> None:
    """Say in a line how the night went."""
    totals = told.report.totals
    say(
        f"  {totals.checked} of {totals.targets} blocks checked: {totals.new} new, "
        f"{totals.in_sync} unchanged, {totals.drifted} drifted."
    )
