"""Nights of one to six edits that do not meet, with what the contract says of them together."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.signal import acts_on_layers, acts_on_lists, acts_on_settings
from tests.signal.acts import Act, Choice, choice
from tests.signal.acts_on_lists import name_of
from tests.signal.acts_on_settings import script_acts
from tests.signal.bases import BASES, SAMPLES
from tests.signal.edits import Answer, every, place, put
from tests.signal.pairs import LAYERS, TEMPLATE, ExpectedFinding, Pair

_FIRST = "visualLayers[0]"
_RATES = ("trainingCycles", "learningRate")
_MODELS = "transferLearningModels"
_MADE = (*["stack"] * 4, *["layer off"] * 2, "twins", "learned", "classical", "patchcore")
_MORE = ("spectrogram on", "spectrogram off", "akida on", "akida off")
NAMES = (*SAMPLES, *_MADE, *_MORE)

# What meets others most is drawn more often than one field of many.
_OFTEN = {"layers", "script", "selectedModelType", "trained", "minimumConfidenceRating"}
_SCRIPT_HOSTS = {"layers", "training", "data"}
_HEAVY = {"medium", "high", "critical"}


def _choices(base: Answer) -> list[Choice]:
    made = [
        *acts_on_settings.choices(base),
        *acts_on_layers.choices(base),
        *acts_on_lists.choices(base),
        choice("mode layers trainingCycles rate script", _switch(base)),
    ]
    made += [_swap(base)] * 3 if _others(base) else []
    often = [choice for choice in made if choice.takes & _OFTEN for _ in range(4)]
    return [*made, *often, *acts_on_layers.choices(base) * 8]


def _switch(base: Answer) -> st.SearchStrategy[Act]:
    """Return switches of the mode, with the script as it was, as the same or another program."""
    if base["mode"] == "visual":
        values = {"mode": "expert", "visualLayers": [], "trainingCycles": 0, "learningRate": 0}
    else:
        stack = [{"type": "flatten"}]
        values = {
            "mode": "visual",
            "visualLayers": stack,
            "trainingCycles": 30,
            "learningRate": 0.1,
        }
    return st.one_of(st.none(), script_acts(base).filter(_parses)).map(
        lambda script: _switched(values, script)
    )


def _parses(act: Act) -> bool:
    answer: Answer = {}
    act.edit(answer)
    return not str(answer["script"]).endswith("(\n")


def _switched(values: dict[str, Any], script: Act | None) -> Act:
    mode = LAYERS.changed("mode", "visualLayers", *_RATES)
    if script is None:
        return Act(edit=put(**values), expected=(mode,))
    is_another = script.expected[0].severity != "info"
    folded = mode if is_another else LAYERS.changed("mode", "visualLayers", *_RATES, "script")
    own = script.expected if is_another else ()
    return Act(edit=every(put(**values), script.edit), expected=(folded, *own))


def _others(base: Answer) -> list[Answer]:
    """Return the models that the first layer could name instead, none where it names none."""
    names = [name_of(layer) for layer in base["visualLayers"][:1]]
    models = base[_MODELS]
    known = [model for model in models if name_of(model) in names]
    return [model for model in models if name_of(model) not in names] if known else []


def _swap(base: Answer) -> Choice:
    """Return swaps of the model, some of what Studio resets among them."""
    takes = f"mode layers script rate {' '.join(_RATES)}".split()
    models = [f"model:{name_of(model)}" for model in base[_MODELS]]
    parameters = [f"customParameters.{key}" for key in base.get("customParameters", {})]
    resets: dict[str, Any] = {
        "trainingCycles": 77,
        "learningRate": 0.77,
        "script": "swapped = 1\n",
    }
    made = st.builds(
        lambda model, names: _swapped(model, {name: resets[name] for name in names}),
        st.sampled_from(_others(base)),
        st.lists(st.sampled_from(sorted(resets)), unique=True),
    )
    return Choice(frozenset([*takes, *models, *parameters]), made)


def _swapped(model: Answer, resets: dict[str, Any]) -> Act:
    layer = {key: model[key] for key in ("type", "organizationModelId") if key in model}
    expected = LAYERS.replaced("visualLayers[0]", *resets)
    return Act(edit=every(place("visualLayers.0", layer), put(**resets)), expected=(expected,))


_CHOICES = {name: _choices(BASES[name]) for name in NAMES}


@st.composite
def nights(draw: st.DrawFn, *, mirrored: bool = False) -> Pair:
    """Return a pair of one to six edits that take different parts of the answer.

    Args:
        draw: given by hypothesis.
        mirrored: leave out what is reported otherwise on the way back.
    """
    name = draw(st.sampled_from(NAMES))
    wanted = draw(st.lists(st.sampled_from(_CHOICES[name]), min_size=1, max_size=6))
    taken: set[str] = set()
    acts: list[Act] = []
    for offered in wanted:
        act = draw(offered.acts) if not offered.takes & taken else None
        if act is not None and (act.is_mirrored or not mirrored):
            acts.append(act)
            taken |= offered.takes
    return _night(name, acts)


def _night(name: str, acts: list[Act]) -> Pair:
    expected = [found for act in acts for found in act.expected]
    expected, floating = _folded(expected, BASES[name])
    return Pair(
        name="a night",
        base=name,
        edit=every(*(act.edit for act in acts)),
        expected=tuple(expected),
        floating=frozenset(floating),
        suppressed=sum(act.suppressed for act in acts),
    )


def _folded(
    expected: list[ExpectedFinding], base: Answer
) -> tuple[list[ExpectedFinding], set[str]]:
    """Return the findings left over, and the paths that one of them folds."""
    floating: set[str] = set()
    by_path = {finding.path: finding for finding in expected}
    script, model_type = by_path.get("script"), by_path.get("selectedModelType")
    is_visual = base["mode"] == "visual" and "mode" not in by_path
    if script and is_visual and _areas(expected) & _SCRIPT_HOSTS:
        expected = [finding for finding in expected if finding != script]
        floating.add("script")
    elif script and is_visual:
        template = TEMPLATE.changed("script")
        expected = [template if finding == script else finding for finding in expected]
    if model_type and "trained" in by_path:
        trained = by_path["trained"]
        folding = trained._replace(folded=frozenset({"selectedModelType"}))
        expected = [
            folding if finding == trained else finding
            for finding in expected
            if finding != model_type
        ]
    elif model_type and model_type.severity == "high" and _asks(expected, is_visual=is_visual):
        expected = [finding for finding in expected if finding != model_type]
        floating.add("selectedModelType")
    expected = _shape_folded(expected)
    return _swap_folded(expected) if _others(base) else expected, floating


def _asks(expected: list[ExpectedFinding], *, is_visual: bool) -> bool:
    """Return whether an edit explains that Studio asks to train again."""
    areas = _SCRIPT_HOSTS if is_visual else {*_SCRIPT_HOSTS, "script"}
    return any(finding.area in areas and finding.severity in _HEAVY for finding in expected)


def _shape_folded(expected: list[ExpectedFinding]) -> list[ExpectedFinding]:
    """Fold what other processing changes into the shape, where that changed too."""
    shape = next((finding for finding in expected if finding.path == "shape"), None)
    if shape is None:
        return expected
    names = {"dependencies.featureCount", "dependencies.blockNames"}
    folded = names & {finding.path for finding in expected}
    folding = shape._replace(folded=frozenset(folded))
    left = [finding for finding in expected if finding.path not in names]
    return [folding if finding == shape else finding for finding in left]


def _swap_folded(expected: list[ExpectedFinding]) -> list[ExpectedFinding]:
    """Fold the thresholds that come or go into a swap of the model, where there is one."""
    swap = next(
        (finding for finding in expected if finding.kind == "replaced" and finding.path == _FIRST),
        None,
    )
    if swap is None or swap.folded is None:
        return expected
    reset = [
        finding
        for finding in expected
        if finding.area == "thresholds" and finding.kind in {"added", "removed"}
    ]
    reset = [finding for finding in reset if finding.path.endswith("]")]
    folding = swap._replace(folded=swap.folded | {finding.path for finding in reset})
    return [
        folding if finding == swap else finding for finding in expected if finding not in reset
    ]


def _areas(expected: list[ExpectedFinding]) -> set[str]:
    return {finding.area for finding in expected}
