"""When two canonical forms say the same.

Numbers within 1e-9 of one another, relative to the larger, are equal where at least one of them
is not whole; everything else is compared exactly, and a boolean is never a number.
"""

from __future__ import annotations

from typing import TypeGuard

from auditor.model import Json

NOISE = 1e-9


def same(a: Json, b: Json) -> bool:
    """Return whether two canonical forms are equal, noise of numbers left out."""
    if is_number(a) and is_number(b):
        return is_noise(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


def is_noise(a: float, b: float) -> bool:
    """Return whether two numbers differ by nothing, or by less than noise."""
    if float(a).is_integer() and float(b).is_integer():
        return a == b
    return abs(a - b) < NOISE * max(abs(a), abs(b)) or a == b


def is_number(value: Json) -> TypeGuard[int | float]:
    """Return whether a value is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
