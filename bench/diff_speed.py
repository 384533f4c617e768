"""What `auditor diff` costs on large answers, as a multiple of what it costs on a small one.

Every pair is written to a temporary folder and compared by a process of its own, several times;
the lowest CPU time counts. Each case is named after what differs in it.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from auditor.demo.studio_server import sample_blocks
from bench.measuring import Usage, measured

_Answer = dict[str, Any]
_Layers = list[dict[str, Any]]
_Pair = tuple[_Answer, _Answer]
_TYPES = ("dense", "dropout", "conv1d", "conv2d", "flatten", "reshape")
_RANDOM = Random(14)  # noqa: S311 - the same cases each time, no secret


def _small() -> _Answer:
    answer: _Answer = copy.deepcopy(sample_blocks()["keras"])
    answer["transferLearningModels"] = answer["transferLearningModels"][:2]
    return answer


def _edited(key: str, old: Any, edit: Callable[[Any], object]) -> _Pair:  # noqa: ANN401
    """Return an answer with a value, and what `edit` makes of it."""
    before = _small() | {key: old}
    after = copy.deepcopy(before)
    edit(after[key])
    return before, after


def _models(number: int, description: str) -> list[_Answer]:
    sample: _Answer = copy.deepcopy(sample_blocks()["keras"])
    model = sample["transferLearningModels"][0]
    return [
        {
            **model,
            "type": "transfer_organization",
            "organizationModelId": place,
            "name": f"Model {place}",
            "description": description,
        }
        for place in range(1, number + 1)
    ]


def _layers(number: int) -> _Layers:
    return [
        {"type": _RANDOM.choice(_TYPES), "neurons": _RANDOM.choice([8, 16, 20])}
        for _ in range(number)
    ]


def _numbered(number: int) -> _Layers:
    return [{"type": "dense", "neurons": place} for place in range(number)]


def _thresholds(number: int) -> list[_Answer]:
    threshold = _small()["thresholds"][0]
    return [{**threshold, "key": f"key{place}", "value": 0.5} for place in range(number)]


def _raise_all(thresholds: list[_Answer]) -> None:
    for threshold in thresholds:
        threshold["value"] += 0.1


def _rename_all(models: list[_Answer]) -> None:
    for model in models:
        model["name"] += " (beta)"


def _script(lines: int) -> str:
    return "\n".join(f"x{place} = f({place}, units=[1, 2, 3])" for place in range(lines))


def _in_script(lines: int) -> _Pair:
    before = _small() | {"mode": "expert", "script": _script(lines)}
    half = lines // 2
    return before, before | {"script": before["script"].replace(f"f({half},", "f(-1,")}


_MODELS, _LAYERS = "transferLearningModels", "visualLayers"
_FRESH = {"type": "dense", "neurons": 99_999}
_CASES: dict[str, Callable[[], _Pair]] = {
    "10 KB, one threshold": lambda: _edited(
        "thresholds", _small()["thresholds"], lambda them: them[0].update(value=0.77)
    ),
    "16 models of 1 MB, one description": lambda: _edited(
        _MODELS, _models(16, "d" * 980_000), lambda them: them[7].update(description="x" * 980_000)
    ),
    "5,000 models, one renamed": lambda: _edited(
        _MODELS, _models(5_000, "d" * 40), lambda them: them[700].update(name="Renamed")
    ),
    "5,000 models, all renamed": lambda: _edited(_MODELS, _models(5_000, "d" * 40), _rename_all),
    "300 numbered layers shuffled": lambda: _edited(_LAYERS, _numbered(300), _RANDOM.shuffle),
    "300 layers of 18 forms shuffled": lambda: _edited(_LAYERS, _layers(300), _RANDOM.shuffle),
    "3,000 layers of 18 forms shuffled": lambda: _edited(_LAYERS, _layers(3_000), _RANDOM.shuffle),
    "3,000 layers, one added": lambda: _edited(
        _LAYERS, _layers(3_000), lambda them: them.insert(1_500, _FRESH)
    ),
    "3,000 layers, one edited": lambda: _edited(
        _LAYERS, _layers(3_000), lambda them: them[1_500].update(neurons=99_999)
    ),
    "3,000 numbered layers, one added": lambda: _edited(
        _LAYERS, _numbered(3_000), lambda them: them.insert(1_500, _FRESH)
    ),
    "3,000 equal layers, one more": lambda: _edited(
        _LAYERS, [_FRESH] * 3_000, lambda them: them.append(_FRESH)
    ),
    "1,000 thresholds, all changed": lambda: _edited("thresholds", _thresholds(1_000), _raise_all),
    "10,000 labels, one added": lambda: _edited(
        "dependencies",
        _small()["dependencies"] | {"classes": [f"label{place}" for place in range(10_000)]},
        lambda them: them["classes"].insert(500, "new"),
    ),
    "script of 10,000 lines, one changed": lambda: _in_script(10_000),
}


def _measure(pair: _Pair, folder: Path, repeats: int) -> Usage:
    files = [folder / name for name in ("old.json", "new.json")]
    for file, answer in zip(files, pair, strict=True):
        file.write_text(json.dumps(answer))
    command = [sys.executable, "-m", "auditor", "diff", *map(str, files)]
    log = folder / "log"
    return Usage.least(
        [measured(command, environ=os.environ, log=log, exit_codes=(1,)) for _ in range(repeats)]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each case and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name has this text")
    args = parser.parse_args(arguments)
    first_s = 0.0
    print(f"{'':<38}{'CPU s':>7}{'ratio':>7}{'peak MiB':>10}")
    with TemporaryDirectory() as name:
        for number, (case, make) in enumerate(_CASES.items()):
            if number and args.only not in case:
                continue
            usage = _measure(make(), Path(name), args.repeats)
            first_s = first_s or usage.cpu_s
            ratio = usage.cpu_s / first_s
            print(f"{case:<38}{usage.cpu_s:>7.2f}{ratio:>7.1f}{usage.peak_mib:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
