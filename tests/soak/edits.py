"""What people do to blocks in the soak, each with the path at which it should be reported."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from auditor.model import BlockKindName

Answer: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BlockNow:
    """A block as Studio has it.

    Attributes:
        entry: what the listing says of it; None where its answer says it.
        is_labelled: whether people change its labels. The features of others change instead, for
            both in one night would be one finding.
        has_settings: whether people change its parameters, so that features follow these.
    """

    kind: BlockKindName
    answer: Answer
    entry: Answer | None
    is_labelled: bool = True
    has_settings: bool = True


def _leave(_: Answer) -> None:
    """Change nothing."""


class Edit(NamedTuple):
    """One edit by a person: the path of its finding, both values and how it is made."""

    path: str
    before: Any
    after: Any
    make: Callable[[Answer], object] = _leave
    make_entry: Callable[[Answer], object] = _leave


_Making: TypeAlias = Callable[[BlockNow, random.Random], Edit]


def random_edit(block: BlockNow, chance: random.Random) -> Edit:
    """Return an edit that is sure to change something of a block."""
    possible = [*_EDITS[block.kind]]
    if block.kind is BlockKindName.KERAS and block.is_labelled:
        possible.append(_classes)
    if block.kind is BlockKindName.PROCESSING and block.has_settings:
        possible += _SETTINGS
    return chance.choice(possible)(block, chance)


def set_features(block: BlockNow, count: int) -> Iterator[Edit]:
    """Yield what is generated anew with another number of features, as its block shows it."""
    answer = block.answer
    if block.kind is BlockKindName.PROCESSING:
        path, before = "dsp.features.count", answer["dsp"]["features"]["count"]
        yield Edit(path, before, count, lambda now: now["dsp"]["features"].update(count=count))
        return
    data: Answer = answer["dependencies"]
    if block.kind is BlockKindName.ANOMALY:
        path, before = "dependencies.featureCount", data["featureCount"]
        yield Edit(path, before, count, lambda now: now["dependencies"].update(featureCount=count))
    else:
        yield _shape(answer["shape"], count)
    samples = data["sampleCount"] + 7
    path = "dependencies.sampleCount"
    yield Edit(
        *(path, data["sampleCount"], samples),
        lambda now: now["dependencies"].update(sampleCount=samples),
    )


def _shape(before: str, count: int) -> Edit:
    shape = f"({count},)"

    def make(now: Answer) -> None:
        now["dependencies"]["featureCount"] = count
        now["shape"] = shape

    return Edit("shape", before, shape, make)


def set_fft_length(block: BlockNow, chance: random.Random) -> Edit:
    """Return an edit of the parameter that features depend on most."""
    return _parameter("fft-length", str(chance.randint(1, 10**6)), block)


def set_window(block: BlockNow, chance: random.Random) -> Edit:
    """Return another size of the window of an input block."""
    return _of_entry("windowSizeMs", chance.randint(1, 10**6), block)


def _of_answer(key: str, value: object, block: BlockNow) -> Edit:
    return Edit(key, block.answer[key], value, lambda now: now.update({key: value}))


def _of_entry(key: str, value: object, block: BlockNow, *, prefix: str = "") -> Edit:
    entry = block.entry or {}
    change: Answer = {key: value}
    return Edit(f"{prefix}{key}", entry[key], value, make_entry=lambda now: now.update(change))


def _cycles(block: BlockNow, chance: random.Random) -> Edit:
    value = block.answer["trainingCycles"] + chance.randint(1, 50)
    return _of_answer("trainingCycles", value, block)


def _rate(block: BlockNow, chance: random.Random) -> Edit:
    value = round(block.answer["learningRate"] + chance.randint(1, 90) / 10_000, 6)
    return _of_answer("learningRate", value, block)


def _threshold(block: BlockNow, chance: random.Random) -> Edit:
    is_vlm = block.kind is BlockKindName.VLM
    threshold = _thresholds(block.answer)[0]
    # Never the value of the deprecated mirror, which is folded into a threshold that equals it.
    value = round((threshold["value"] + chance.randint(1, 89) / 100) % 1 + 0.0011, 4)
    path = f"{'metadata.' if is_vlm else ''}thresholds[{threshold['key']}].value"
    return Edit(
        path, threshold["value"], value, lambda now: _thresholds(now)[0].update(value=value)
    )


def _thresholds(answer: Answer) -> list[Answer]:
    found: list[Answer] = answer.get("metadata", answer)["thresholds"]
    return found


def _layer(block: BlockNow, chance: random.Random) -> Edit:
    layers = block.answer["visualLayers"]
    place = next(n for n, layer in enumerate(layers) if "neurons" in layer)
    before = layers[place]["neurons"]
    value = before + chance.randint(1, 20)
    path = f"visualLayers[{place}].neurons"
    return Edit(path, before, value, lambda now: now["visualLayers"][place].update(neurons=value))


def _name(block: BlockNow, chance: random.Random) -> Edit:
    before = block.answer["name"]
    return _of_answer("name", _new_name(before, chance), block)


def _new_name(before: str, chance: random.Random) -> str:
    return f"{before.split(' #', maxsplit=1)[0]} #{chance.randint(1, 10**9)}"


def _classes(block: BlockNow, chance: random.Random) -> Edit:
    before = block.answer["dependencies"]["classes"]
    value = [*before[:2], f"label {chance.randint(1, 10**9)}"]
    path = "dependencies.classes"
    return Edit(path, before, value, lambda now: now["dependencies"].update(classes=value))


def _clusters(block: BlockNow, chance: random.Random) -> Edit:
    value = block.answer["clusterCount"] + chance.randint(1, 9)
    return _of_answer("clusterCount", value, block)


def _axes(block: BlockNow, chance: random.Random) -> Edit:
    """Select an axis or another one less; the axes mirror it."""
    before = block.answer["selectedAxes"]
    value = sorted({*before} ^ {chance.randint(1, len(block.answer["axes"]) - 1)} | {0})

    def make(now: Answer) -> None:
        now["selectedAxes"] = value
        for axis in now["axes"]:
            axis["selected"] = axis["ix"] in value

    return Edit("selectedAxes", before, value, make)


def _increase(block: BlockNow, chance: random.Random) -> Edit:
    return _of_entry("windowIncreaseMs", chance.randint(1, 10**6), block)


def _frequency(block: BlockNow, chance: random.Random) -> Edit:
    return _of_entry("frequencyHz", chance.randint(1, 10**6) / 8, block)


def _entry_name(block: BlockNow, chance: random.Random) -> Edit:
    before = (block.entry or {})["name"]
    return _of_entry("name", _new_name(before, chance), block)


def _processing_name(block: BlockNow, chance: random.Random) -> Edit:
    """Rename a processing block, in listing and answer."""
    name = _new_name((block.entry or {})["name"], chance)
    listed = _of_entry("name", name, block, prefix="block.")
    return listed._replace(make=lambda now: now["dsp"].update(name=name))


def _post_name(block: BlockNow, chance: random.Random) -> Edit:
    before = (block.entry or {})["name"]
    return _of_entry("name", _new_name(before, chance), block, prefix="block.")


def _version(block: BlockNow, chance: random.Random) -> Edit:
    value = (block.entry or {})["implementationVersion"] + chance.randint(1, 3)
    return _of_entry("implementationVersion", value, block, prefix="block.")


def _cutoff(block: BlockNow, chance: random.Random) -> Edit:
    return _parameter("filter-cutoff", str(chance.randint(1, 10**6) / 8), block)


def _log(block: BlockNow, chance: random.Random) -> Edit:
    del chance
    is_on = _item(block.answer, "do-log")["value"] == "true"
    return _parameter("do-log", "false" if is_on else "true", block)


def _normalization(block: BlockNow, chance: random.Random) -> Edit:
    del chance
    before = block.answer["dsp"]["normalizeData"]
    value = "normalize-channel-standard-scaler" if before == "none" else "none"
    return Edit(
        "dsp.normalizeData", before, value, lambda now: now["dsp"].update(normalizeData=value)
    )


def _grace(block: BlockNow, chance: random.Random) -> Edit:
    return _parameter("keep_grace", str(chance.randint(1, 10**6)), block)


def _enabled(block: BlockNow, chance: random.Random) -> Edit:
    del chance
    return _of_answer("enabled", not block.answer["enabled"], block)


def _parameter(param: str, value: str, block: BlockNow) -> Edit:
    container = "config" if "config" in block.answer else "parameters"
    before = _item(block.answer, param)["value"]
    path = f"{container}[{param}].value"
    return Edit(path, before, value, lambda now: _item(now, param).update(value=value))


def _item(answer: Answer, param: str) -> Answer:
    items = [item for group in answer.get("config", ()) for item in group["items"]]
    items += answer.get("parameters", ())
    found: Answer = next(item for item in items if item["param"] == param)
    return found


def _model(block: BlockNow, chance: random.Random) -> Edit:
    return _of_vlm("modelId", chance.randint(1, 10**6), block)


def _prompt(block: BlockNow, chance: random.Random) -> Edit:
    text = f"What is in picture {chance.randint(1, 10**6)}?"
    return _of_vlm("promptComponents.user", text, block)


def _temperature(block: BlockNow, chance: random.Random) -> Edit:
    return _of_vlm("parameters.temperature", chance.randint(1, 10**6) / 8, block)


def _vlm_name(block: BlockNow, chance: random.Random) -> Edit:
    before = block.answer["metadata"]["name"]
    value = _new_name(before, chance)
    return Edit("metadata.name", before, value, lambda now: now["metadata"].update(name=value))


def _connection(block: BlockNow, chance: random.Random) -> Edit:
    """Have a block take the features of another processing block besides its own."""
    first = (block.entry or {})["dsp"][0]
    return _of_entry("dsp", [first, chance.randint(1000, 10**6)], block)


def _of_vlm(path: str, value: object, block: BlockNow) -> Edit:
    """Change a value of a configuration, which gets another id with it."""
    *containers, key = path.split(".")

    def holder(answer: Answer) -> Answer:
        found: Answer = answer["metadata"]["config"]
        for each in containers:
            found = found[each]
        return found

    def make(now: Answer) -> None:
        holder(now)[key] = value
        now["metadata"]["config"]["configId"] += 1

    return Edit(f"metadata.config.{path}", holder(block.answer)[key], value, make)


_EDITS: dict[BlockKindName, tuple[_Making, ...]] = {
    BlockKindName.KERAS: (_cycles, _rate, _threshold, _layer, _name),
    BlockKindName.ANOMALY: (_clusters, _axes, _threshold, _name),
    BlockKindName.VLM: (_model, _prompt, _temperature, _threshold, _vlm_name, _connection),
    BlockKindName.INPUT: (set_window, _increase, _frequency, _entry_name),
    BlockKindName.PROCESSING: (_processing_name,),
    BlockKindName.POST_PROCESSING: (_grace, _enabled, _version, _post_name),
}
_SETTINGS: tuple[_Making, ...] = (set_fft_length, _cutoff, _log, _normalization, _version)
