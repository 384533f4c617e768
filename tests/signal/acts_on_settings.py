"""Random edits of everything beside the stack of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from hypothesis import strategies as st

from tests.signal.acts import Act, Choice, choice, fraction, kind, whole, words
from tests.signal.edits import Answer, cut, put
from tests.signal.pairs import (
    DATA,
    IDLE,
    LOST,
    MODEL_TYPE,
    NAME,
    PROFILING,
    RETRAIN,
    SAME_PROGRAM,
    SAMPLES,
    SCRIPT,
    TRAINED,
    TRAINING,
    UNKNOWN,
    ExpectedFinding,
    Row,
)

_SWITCHED = ("augmentationPolicySpectrogram", "akidaEdgeLearningConfig")
_LEVELS = ("none", "low", "high")


def choices(base: Answer) -> Iterator[Choice]:
    """Yield the edits of settings that an answer can be given."""
    yield from _training(base)
    yield choice("rate", _rate(base))
    yield from (choice(name, _switched(base, name)) for name in _SWITCHED if base.get(name))
    yield from _inside(base, "customParameters")
    yield from _inside(base, "blockParameters")
    yield from _data(base)
    yield from _training_itself(base)
    yield choice("name", words(base["name"]).map(lambda new: _set(NAME, base, name=new)))
    yield choice("script", script_acts(base))
    yield from _interface(base)
    yield choice("unknown", st.sampled_from((0, 1, False, "", [], {})).map(_unknown(base)))


def _set(row: Row, base: Answer, **values: Any) -> Act:  # noqa: ANN401 - any JSON
    expected = tuple(row.finding(kind(base, name), name) for name in values)
    return Act(edit=put(**values), expected=expected)


def _set_one(row: Row, base: Answer, name: str, new: Any) -> Act:  # noqa: ANN401 - any JSON
    return _set(row, base, **{name: new})


def _training(base: Answer) -> Iterator[Choice]:
    values: dict[str, st.SearchStrategy[Any]] = {
        "trainingCycles": whole(base["trainingCycles"]),
        "batchSize": whole(base.get("batchSize")),
        "trainTestSplit": fraction(base.get("trainTestSplit")),
        "customValidationMetadataKey": words(base.get("customValidationMetadataKey")),
        "autoClassWeights": st.just(not base.get("autoClassWeights")),
        "augmentationPolicyImage": _other(("none", "all"), base["augmentationPolicyImage"]),
        "anomalyCapacity": _other(("low", "high"), base.get("anomalyCapacity")),
    }
    for name, drawn in values.items():
        yield choice(name, drawn.map(partial(_set_one, TRAINING, base, name)))
    for name in ("profileInt8", "skipEmbeddingsAndMemory"):
        yield choice(name, st.just(_set(PROFILING, base, **{name: not base[name]})))
    if "trainTestSplit" in base:
        removal = Act(edit=cut("trainTestSplit"), expected=(TRAINING.removed("trainTestSplit"),))
        yield choice("trainTestSplit", st.just(removal))
    if base.get("batchSize") == base["defaultBatchSize"]:
        yield choice("batchSize defaultBatchSize", st.just(Act(edit=cut("batchSize"))))


def _rate(base: Answer) -> st.SearchStrategy[Act]:
    """Return edits of the learning rate and of the optimizer that ignores it."""
    was = bool(base.get("useLearnedOptimizer"))

    def act(rate: float | None, is_learned: bool) -> Act:
        row = IDLE if is_learned else TRAINING
        acts = [_set(row, base, learningRate=rate)] if rate is not None else []
        if is_learned != was:
            acts.append(_set(TRAINING, base, useLearnedOptimizer=is_learned))
        return _both(acts)

    return st.builds(act, st.none() | fraction(base["learningRate"]), st.booleans())


def _switched(base: Answer, name: str) -> st.SearchStrategy[Act]:
    """Return edits of an object that can be switched off, details among them."""
    old = base[name]
    values = {key: _detail(value) for key, value in old.items()}
    if len(values) == 1:
        values["warping"] = st.just(True)
    some = st.lists(st.sampled_from(sorted(values)), min_size=1, unique=True)
    changed = some.flatmap(lambda keys: st.fixed_dictionaries({key: values[key] for key in keys}))
    row = TRAINING if old["enabled"] else IDLE
    removal = Act(edit=cut(name), expected=(row.removed(name),))
    if len(old) == 1:
        return changed.map(lambda new: _details(old, name, new))
    return st.one_of(changed.map(lambda new: _details(old, name, new)), st.just(removal))


def _detail(old: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any JSON
    if isinstance(old, bool):
        return st.just(not old)
    return _other(_LEVELS, old) if isinstance(old, str) else whole(old)


def _details(old: Answer, name: str, new: dict[str, Any]) -> Act:
    is_on = bool(new.get("enabled", old["enabled"]))
    if len(new) > 1:
        row = TRAINING if is_on or old["enabled"] else IDLE
        return Act(edit=put(name, **new), expected=(row.changed(name).open(),))
    (key,) = new
    row = TRAINING if is_on or key == "enabled" else IDLE
    return Act(edit=put(name, **new), expected=(row.finding(kind(old, key), f"{name}.{key}"),))


def _inside(base: Answer, name: str) -> Iterator[Choice]:
    """Yield edits of the members of an object that the answer holds."""
    for key, old in base.get(name, {}).items():
        path = f"{name}.{key}"
        values: st.SearchStrategy[Any] = words(old) if isinstance(old, str) else whole(old)
        removal = Act(edit=cut((name, key)), expected=(TRAINING.removed(path),))
        yield choice(path, values.map(partial(_changed, TRAINING, name, key)) | st.just(removal))


def _changed(row: Row, where: str, name: str, new: Any) -> Act:  # noqa: ANN401 - any JSON
    return Act(edit=put(where, **{name: new}), expected=(row.changed(f"{where}.{name}"),))


def _data(base: Answer) -> Iterator[Choice]:
    old = base["dependencies"]
    for row, name, takes in (
        (SAMPLES, "sampleCount", "sampleCount"),
        (DATA, "featureCount", "processing"),
    ):
        yield choice(takes, whole(old[name]).map(partial(_changed, row, "dependencies", name)))
    for name in ("classes", "outputClasses", "blockNames"):
        more = words(None).map(partial(_longer, old[name], f"a {name}"))
        takes = "processing" if name == "blockNames" else name
        yield choice(takes, more.map(partial(_changed, DATA, "dependencies", name)))
    label = words(None).map(partial(_with_label, old))
    yield choice("classes outputClasses", label)
    yield choice("shape", words(base["shape"]).map(partial(_set_one, DATA, base, "shape")))


def _with_label(old: Answer, new: str) -> Act:
    """Add a label after all others, to the set and to the output."""
    lists = {name: _longer(old[name], "a label", new) for name in ("classes", "outputClasses")}
    expected = DATA.changed("dependencies.classes", "dependencies.outputClasses")
    return Act(edit=put("dependencies", **lists), expected=(expected,))


def _longer(old: list[str], kind_of: str, new: str) -> list[str]:
    """Return a list with a name that no list of another kind is given."""
    return [*old, f"{kind_of} {new}"]


def _training_itself(base: Answer) -> Iterator[Choice]:
    row = LOST if base["trained"] else TRAINED
    yield choice("trained", st.just(_set(row, base, trained=not base["trained"])))
    others = _other(("int8", "float32", "akida"), base["selectedModelType"])
    retrained = Act(
        edit=put(selectedModelType="requiresRetrain"),
        expected=(RETRAIN.changed("selectedModelType"),),
        is_mirrored=False,  # only entering it is folded and high
    )
    changed = others.map(lambda new: _set(MODEL_TYPE, base, selectedModelType=new))
    types = st.one_of(changed, st.just(retrained)) if base["trained"] else changed
    yield choice("selectedModelType", types)


def script_acts(base: Answer) -> st.SearchStrategy[Act]:
    """Return edits of the script: the same program, another one, none that parses."""
    ends: tuple[tuple[Row, str], ...] = (
        (SAME_PROGRAM, "# more\n"),
        (SCRIPT, "more = 1\n"),
        (SCRIPT, "more = (\n"),
    )
    return st.sampled_from([_set(row, base, script=base["script"] + end) for row, end in ends])


def _interface(base: Answer) -> Iterator[Choice]:
    for name in ("showAdvancedTrainingSettings", "showAugmentationTrainingSettings"):
        yield choice(name, st.just(Act(edit=put(**{name: not base[name]}), suppressed=1)))
    other = Act(edit=put(lastShownModelVariant="akida"), suppressed=1)
    yield choice("lastShownModelVariant", st.just(other))


def _unknown(base: Answer) -> Callable[[Any], Act]:
    return partial(_set_one, UNKNOWN, base, "fromNewerStudio")


def _other(values: tuple[str, ...], old: object) -> st.SearchStrategy[str]:
    return st.sampled_from([value for value in values if value != old])


def _both(acts: list[Act]) -> Act:
    def edit(answer: Answer) -> None:
        for act in acts:
            act.edit(answer)

    expected: tuple[ExpectedFinding, ...] = tuple(found for act in acts for found in act.expected)
    return Act(edit=edit, expected=expected)
