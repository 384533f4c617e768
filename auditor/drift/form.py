"""The form in which answers are read: what of them counts, as one short name.

A later auditor knows more fields, or holds other values for equal. Digests then mean something
else, and what the database holds was judged by the form of before. So the form is part of each
digest, and each target keeps the form that it was read in last (ADR 11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from auditor.drift.fields import FIELDS, Field

CANONICAL = 1
"""Counted up when `canonical` or `equality` come to another result; a test says when."""


def form_name(fields: Iterable[Field], *, canonical: int) -> str:
    """Return the name of a form, 16 hex digits.

    What a field is called and its unit are words: they change no judgement.
    """
    rows = sorted(_row(one) for one in fields)
    return hashlib.sha256("\n".join([str(canonical), *rows]).encode()).hexdigest()[:16]


def _row(one: Field) -> str:
    judged = (one.area, one.owner, one.severity, one.shape.name, *one.identity)
    return f"{one.pattern} {one.required} {one.blank_is_true} {' '.join(judged)}"


FORM = form_name(FIELDS.values(), canonical=CANONICAL)
"""The form of this program."""
