"""Answers as no Studio should send them: samples with a few bytes or places altered.

A mutation is given by a seed and a number alone, so that a find can be seen again.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

from auditor.demo.studio_server import sample_blocks

SAMPLES = tuple(sample_blocks().values())
_Path: TypeAlias = tuple[Any, ...]
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 30.0, 0.1, 1e308, -1e-308, -0.0, 2**53 + 1, 2**63 - 1, -(2**63),
    2**63, 10**25, "", " ", "0", "0.5", "nan", "true", "\x00", "\ud800", "\udfff\ud800", "\u202e",
    "a\nb\r\nc", "é" * 40, "<b>&amp;", "{{7*7}}", "%s%n", "=1+1", "ei_" + "0a" * 20, "(hidden)",
    "(hidden:" + "0" * 32 + ")", [], {}, [[]], [{}], {"": {}}, {"a.b": 1, 'c"]': 2}, [None],
    [0, 0], {"enabled": False}, {"type": "secret", "param": "token", "value": "s"}, "x" * 5000,
)  # fmt: skip
_BYTES = (
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"{", b"}", b"[", b"]", b'"', b"\\", b",",
    b":", b"null", b"NaN", b"1e999", b"-", b"9" * 30, b"\\ud800", b"\\u0000", b"\xef\xbb\xbf",
)  # fmt: skip


def base(number: int) -> dict[str, Any]:
    """Return the sample that a mutation begins with."""
    return SAMPLES[number % len(SAMPLES)]


def mutated(seed: int, number: int) -> bytes:
    """Return the body of one mutated answer."""
    chance = Random(f"{seed}:{number}")  # noqa: S311 - to be repeated, not to be secret
    if chance.random() < 0.25:
        return _with_bytes(json.dumps(base(number)).encode(), chance)
    return json.dumps(edited(base(number), chance)).encode()


def edited(sample: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON
    """Return a copy of a sample with a few places altered."""
    document: Any = json.loads(json.dumps(sample))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        document = chance.choice(_EDITS)(document, chance)
    return document


def _with_bytes(body: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(len(body) + 1)
        cut = chance.choice((0, 0, 1, 1, 3, 40, len(body)))
        put = chance.choice((b"", bytes([chance.randrange(256)]), chance.choice(_BYTES)))
        body = body[:place] + put + body[place + cut :]
    return body


def _replace(document: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON
    path = _somewhere(document, chance)
    return _put(document, path, _value(chance)) if path else document


def _remove(document: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON
    path = _somewhere(document, chance)
    if path:
        del _at(document, path[:-1])[path[-1]]
    return document


def _graft(document: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON
    """Put what stands at one place of some sample at another place of this one."""
    donor = chance.choice(SAMPLES)
    source, path = _somewhere(donor, chance), _somewhere(document, chance)
    if not path or not source:
        return document
    return _put(document, path, json.loads(json.dumps(_at(donor, source))))


def _add(document: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON
    """Add a member to some object, or to a list at any place of it."""
    holders = [path for path in _paths(document) if isinstance(_at(document, path), dict | list)]
    if not holders:
        return document
    holder = _at(document, chance.choice(holders))
    value = _value(chance)
    if isinstance(holder, dict):
        holder[chance.choice(("note", "", "a.b", 'a"]', "__x", "type", "key", "\ud800"))] = value
    else:
        holder.insert(chance.randrange(len(holder) + 1), value)
    return document


def _rearrange(document: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON
    """Shuffle, double or reverse a list."""
    lists = [path for path in _paths(document) if isinstance(_at(document, path), list)]
    if not lists:
        return document
    path = chance.choice(lists)
    members = _at(document, path)
    chance.choice((members.reverse, lambda: chance.shuffle(members), lambda: _double(members)))()
    return document


def _double(members: list[Any]) -> None:
    members.extend(json.loads(json.dumps(members)))


_EDITS: tuple[Callable[[Any, Random], Any], ...] = (
    _replace, _replace, _remove, _graft, _add, _rearrange,
)  # fmt: skip


def _value(chance: Random) -> Any:  # noqa: ANN401 - any JSON
    """Return a value of its own: the next edit may be one of it."""
    return copy.deepcopy(chance.choice(_VALUES))


def _somewhere(document: Any, chance: Random) -> _Path:  # noqa: ANN401 - any JSON
    """Return a place; high up as often as deep in the catalogue, which has most of them."""
    places = [path for path in _paths(document) if path]
    high = [path for path in places if len(path) < 3]
    return chance.choice(high if high and chance.random() < 0.5 else places) if places else ()


def _paths(value: Any) -> list[_Path]:  # noqa: ANN401 - any JSON
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    return [(), *((key, *rest) for key, member in members for rest in _paths(member))]


def _at(document: Any, path: _Path) -> Any:  # noqa: ANN401 - any JSON
    for step in path:
        document = document[step]
    return document


def _put(document: Any, path: _Path, value: Any) -> Any:  # noqa: ANN401 - any JSON
    _at(document, path[:-1])[path[-1]] = value
    return document
