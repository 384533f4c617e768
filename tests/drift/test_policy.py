"""Settings without effect: reported as such, at the least severity."""

from __future__ import annotations

import pytest

from tests.drift.answers import Edit, after, difference_between, edited, sample

_OFF = {"enabled": False, "warping": True}


def _spectrogram(**values: object) -> Edit:
    return lambda answer: answer["augmentationPolicySpectrogram"].update(values)


def _learned(answer: dict[str, object]) -> None:
    answer.update(useLearnedOptimizer=True)


def _rate(answer: dict[str, object]) -> None:
    answer.update(learningRate=0.01)


def test_a_rate_that_the_learned_optimizer_sets_has_no_effect() -> None:
    base = sample()
    _learned(base)
    (finding,) = after(_rate, base)

    assert (finding.severity, finding.rule) == ("info", "no-effect:learned-optimizer")
    assert finding.headline.endswith("no effect now (the learned optimizer sets the rate)")


def test_a_rate_that_training_uses_matters() -> None:
    (finding,) = after(_rate)

    assert (finding.severity, finding.rule) == ("medium", "default:training")


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        (_OFF, {"enabled": False, "warping": False}, "info"),
        (None, _OFF, "info"),
        (_OFF, None, "info"),
        ({"enabled": True, "warping": True}, {"enabled": True, "warping": False}, "medium"),
        ({"enabled": True, "warping": True}, None, "medium"),
    ],
    ids=["detail off", "appears off", "vanishes off", "detail on", "vanishes on"],
)
def test_details_of_a_policy_count_where_it_is_on(old: object, new: object, severity: str) -> None:
    base = sample()
    base["augmentationPolicySpectrogram"] = old
    (finding,) = after(lambda a: a.update(augmentationPolicySpectrogram=new), base)

    assert finding.severity == severity


def test_switching_a_policy_off_matters_and_has_its_details_with_it() -> None:
    base = sample()
    base["augmentationPolicySpectrogram"] = {"enabled": True, "freqMasking": "low"}
    (finding,) = after(_spectrogram(enabled=False, freqMasking="high"), base)

    assert (finding.path, finding.severity) == ("augmentationPolicySpectrogram", "medium")
    assert finding.headline == (
        "Spectrogram augmentation: on → off; "
        "Frequency masking: low → high, no effect now (it is switched off)"
    )


def test_details_that_change_together_while_a_policy_is_off_are_one_trifle() -> None:
    base = sample()
    base["augmentationPolicySpectrogram"] = {"enabled": False, "freqMasking": "low"}
    (finding,) = after(_spectrogram(freqMasking="high", warping=True), base)

    assert (finding.path, finding.severity) == ("augmentationPolicySpectrogram", "info")


def test_neurons_of_a_disabled_layer_leave_the_model_trained() -> None:
    base = sample()
    base["visualLayers"][1]["enabled"] = False
    difference = difference_between(
        *edited(lambda a: a["visualLayers"][1].update(neurons=99), base)
    )

    (finding,) = difference.findings
    assert (finding.severity, finding.rule) == ("info", "no-effect:disabled-layer")
    assert difference.model_state == "trained"


def test_disabling_a_layer_is_a_change_of_the_layers() -> None:
    (finding,) = after(lambda a: a["visualLayers"][1].update(enabled=False))

    assert (finding.path, finding.severity) == ("visualLayers[1].enabled", "high")
