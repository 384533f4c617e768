"""What a value's meaning depends on beside its text, handed to pydantic as its context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import ValidationInfo

from auditor.config.refusal import refusal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The configuration's folder (absolute), the environment, and whether secrets are read."""

    folder: Path
    environ: Mapping[str, str]
    reads_secrets: bool = True


def surroundings(info: ValidationInfo) -> Surroundings:
    """Return the surroundings that the validation was started with."""
    return cast(Surroundings, info.context)


def located(text: str, around: Surroundings) -> Path:
    """Return the absolute path that a file's or folder's name in the configuration means."""
    if not text or not text.isprintable():
        raise refusal("names no file or folder", "write a path")
    if text != "~" and not text.startswith("~/"):
        return around.folder / text
    home = around.environ.get("HOME")
    if not home:
        raise refusal("begins with ~ where $HOME is not set", "write the whole path")
    return Path(home) / text[2:]
