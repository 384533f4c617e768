"""The commands of docs/install.md, docs/monitoring.md and docs/web.md, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("install.md", "monitoring.md", "web.md")


def blocks() -> dict[str, list[str]]:
    """Return the commands of each fenced block that has a name, in order.

    A name follows the language: three backticks, `sh install`.
    """
    pages = "".join((DOCS / page).read_text() for page in PAGES)
    found = re.findall(r"^```sh (\S+)\n(.*?)^```$", pages, re.MULTILINE | re.DOTALL)
    return {name: list(commands(text.splitlines())) for name, text in found}


def commands(lines: Iterable[str]) -> Iterator[str]:
    """Return the commands of a script, a here-document with the one that reads it."""
    left = iter(lines)
    for line in left:
        document = re.search(r"<<'(\w+)'$", line)
        if document is None:
            yield line
            continue
        body = [line]
        while body[-1] != document[1]:
            body.append(next(left))
        yield "\n".join(body)
