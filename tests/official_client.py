"""The vendor's own client, imported by the tests that use it: to import it takes seconds."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def model(name: str) -> Any:  # noqa: ANN401 - a class of the client
    """Return a class of the client's models, e.g. `dsp_config.DSPConfig`."""
    module, _, of_module = name.partition(".")
    return getattr(import_module(f"edgeimpulse_api.models.{module}"), of_module)


def keys_of(name: str) -> list[str]:
    """Return the keys of the JSON object that a class of the client's models stands for."""
    return [field.alias for field in model(name).__fields__.values()]
