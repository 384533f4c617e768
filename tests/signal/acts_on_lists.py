"""Random edits of the thresholds, their mirror and the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.signal.acts import Act, Choice, choice, fraction, kind, whole, words
from tests.signal.edits import Answer, Edit, every, insert, put
from tests.signal.pairs import CATALOGUE, IN_USE, RATING, SUGGESTED, THRESHOLDS, Row

_MIRROR = "minimumConfidenceRating"
_MODELS = "transferLearningModels"
_WITHDRAWN = {"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}


def choices(base: Answer) -> Iterator[Choice]:
    """Yield the edits of lists that an answer can be given; no two of them meet in a value."""
    yield choice("new threshold", st.just(_new_threshold()))
    yield choice(_MIRROR, fraction(None).map(_mirror))
    for place, threshold in enumerate(base["thresholds"]):
        yield from _Threshold(base, threshold, place).choices()
    yield choice("new model", st.just(_new_model()))
    yield choice("defaultBatchSize", whole(base["defaultBatchSize"]).map(_default))
    for model in base[_MODELS]:
        yield choice(f"model:{name_of(model)}", _model(base, model))


def name_of(model: Answer) -> str:
    """Return how the contract names a model of the catalogue."""
    number = model.get("organizationModelId")
    return model["type"] if number is None else f"{model['type']}:{number}"


def _member(name: str, is_it: Callable[[Answer], bool], edit: Edit) -> Edit:
    """Return the edit of a member wherever it stands, since others may come and go."""
    return lambda answer: edit(next(member for member in answer[name] if is_it(member)))


def _without(name: str, is_it: Callable[[Answer], bool]) -> Edit:
    return lambda answer: answer.update(
        {name: [member for member in answer[name] if not is_it(member)]}
    )


def _new_threshold() -> Act:
    member = {"key": "iou", "description": "", "helpText": "", "value": 100_000}
    return Act(
        edit=insert("thresholds.0", member), expected=(THRESHOLDS.added("thresholds[iou]"),)
    )


def _mirror(new: float) -> Act:
    """Set the mirror to what no threshold ever is; back, it may equal one that changed too."""
    expected = (RATING.changed(_MIRROR),)
    return Act(edit=put(minimumConfidenceRating=1000 + new), expected=expected, is_mirrored=False)


@dataclass(frozen=True, slots=True)
class _Threshold:
    """A threshold of a base, and edits of it wherever it stands by then."""

    base: Answer
    old: Answer
    place: int

    def choices(self) -> Iterator[Choice]:
        key, values = self.old["key"], self._values()
        suggestions = whole(None, 2000, 3000)
        yield choice(f"{key}.value", values.map(self._valued))
        yield choice(f"{key}.suggested", suggestions.map(self._suggested))
        yield choice(f"{key}.words", words(self.old["description"]).map(self._described))
        yield choice(f"{key}.value {key}.suggested {key}.words", st.just(self._removal()))
        if not isinstance(self.old["value"], str):
            yield choice(f"{key}.value {_MIRROR}", values.map(self._mirrored))

    def _values(self) -> st.SearchStrategy[Any]:
        """Return values that no other threshold is ever given."""
        value = self.old["value"]
        if isinstance(value, str):
            return st.sampled_from(("mean", "median")).filter(lambda new: new != value)
        return whole(value, 10 + 10 * self.place, 19 + 10 * self.place)

    def _valued(self, new: Any) -> Act:  # noqa: ANN401 - any JSON
        return self._act(THRESHOLDS, value=new)

    def _suggested(self, new: int) -> Act:
        return self._act(SUGGESTED, suggestedValue=new, suggestedValueText=f"{new}.0")

    def _described(self, new: str) -> Act:
        return self._act(CATALOGUE, description=new)

    def _mirrored(self, new: int) -> Act:
        edit = every(_member("thresholds", self._is_it, put(value=new)), put(**{_MIRROR: new}))
        expected = (THRESHOLDS.changed(f"{self._path}.value", _MIRROR),)
        return Act(
            edit=edit, expected=expected, is_mirrored=self.base[_MIRROR] == self.old["value"]
        )

    def _removal(self) -> Act:
        expected = (THRESHOLDS.removed(self._path),)
        return Act(edit=_without("thresholds", self._is_it), expected=expected)

    def _act(self, row: Row, **new: Any) -> Act:  # noqa: ANN401 - any JSON
        """Return an edit that is reported as its first field, the others folded into it."""
        first, *others = [f"{self._path}.{name}" for name in new]
        found = row.finding(kind(self.old, next(iter(new))), first, *others)
        return Act(edit=_member("thresholds", self._is_it, put(**new)), expected=(found,))

    @property
    def _path(self) -> str:
        return f"thresholds[{self.old['key']}]"

    def _is_it(self, member: Answer) -> bool:
        return bool(member["key"] == self.old["key"])


def _new_model() -> Act:
    member = {"type": "transfer_new", "name": "New"}
    expected = (CATALOGUE.added(f"{_MODELS}[transfer_new]"),)
    return Act(edit=insert(f"{_MODELS}.0", member), expected=expected)


def _default(new: int) -> Act:
    return Act(edit=put(defaultBatchSize=new), expected=(CATALOGUE.changed("defaultBatchSize"),))


def _model(base: Answer, model: Answer) -> st.SearchStrategy[Act]:
    path = f"{_MODELS}[{name_of(model)}]"
    used = base["visualLayers"][:1]
    row = IN_USE if name_of(model) in map(name_of, used) else CATALOGUE

    def is_it(member: Answer) -> bool:
        return name_of(member) == name_of(model)

    def said(new: str) -> Act:
        edit = _member(_MODELS, is_it, put(description=new))
        return Act(edit=edit, expected=(CATALOGUE.changed(f"{path}.description"),))

    withdrawn = Act(
        edit=_member(_MODELS, is_it, put(blockNoLongerAvailable=_WITHDRAWN)),
        expected=(row.added(f"{path}.blockNoLongerAvailable"),),
    )
    removal = Act(edit=_without(_MODELS, is_it), expected=(row.removed(path),))
    return st.one_of(words(model["description"]).map(said), st.sampled_from((withdrawn, removal)))
