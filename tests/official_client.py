"""The vendor's own client, of which the tests import the models that they name.

To import the client whole takes seconds: it imports a thousand models.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_CLIENT = "edgeimpulse_api"


@cache
def model(name: str) -> Any:  # noqa: ANN401 - a class of the client
    """Return a class of the client's models, e.g. `dsp_config.DSPConfig`."""
    module, _, of_module = name.partition(".")
    if _CLIENT in sys.modules:
        return getattr(import_module(f"{_CLIENT}.models.{module}"), of_module)
    packages = _empty_packages()
    sys.modules.update(packages)
    try:
        return getattr(import_module(f"{_CLIENT}.models.{module}"), of_module)
    finally:  # whoever imports the client later has it whole
        for package in packages:
            del sys.modules[package]


def keys_of(name: str) -> list[str]:
    """Return the keys of the JSON object that a class of the client's models stands for."""
    return [field.alias for field in model(name).__fields__.values()]


def _empty_packages() -> dict[str, ModuleType]:
    """Return the packages in which a model is found, without what they import."""
    spec = find_spec(_CLIENT)
    assert spec is not None
    assert spec.origin is not None
    packages = {}
    for name, folder in ((_CLIENT, ""), (f"{_CLIENT}.models", "models")):
        packages[name] = ModuleType(name)
        packages[name].__path__ = [str(Path(spec.origin).parent / folder)]
    return packages
