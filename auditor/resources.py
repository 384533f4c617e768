"""Where templates and migrations lie: inside the package in a wheel, next to it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder `name` (`templates`, `migrations`).

    Raises:
        FileNotFoundError: it is in neither place; names both.
    """
    places = (_PACKAGE / "_data" / name, _PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"no folder {name}: neither {places[0]} nor {places[1]} is one")
