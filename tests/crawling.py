"""A folder of pages as a browser finds it: where links lead, what a page holds."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

TEMPLATES = Path(__file__).parents[1] / "templates"


class Page(HTMLParser):
    """What a page links to, what can be linked to in it, which elements and attributes it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.headings: list[int] = []
        self.policy = ""
        self.scripts: list[str] = []  # that run; data is none
        self._is_in_script = False
        self.feed(text)

    def handle_endtag(self, tag: str) -> None:
        self._is_in_script = self._is_in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._is_in_script:
            self.scripts[-1] += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.elements.add(tag)
        self.attributes.update(known)
        if "href" in known:
            self.links.append(known["href"])
        if "id" in known:
            self.ids.append(known["id"])
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"]
        if tag == "script" and known.get("type") != "application/json":
            self._is_in_script = True
            self.scripts.append("")
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))


def strange_scripts(page: Page) -> list[str]:
    """Return scripts that are not the templates' own, or not the only ones the policy names."""
    own = {path.read_text(encoding="utf-8").strip() for path in TEMPLATES.glob("*.js")}
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in page.scripts
    }
    found = re.search(r"script-src ([^;]*)", page.policy)
    named = set(found[1].split()) if found else set()
    return [script for script in page.scripts if script.strip() not in own or named != hashes]


def pages(folder: Path) -> dict[Path, Page]:
    """Return every page below the folder."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


def broken_links(folder: Path) -> list[str]:
    """Return every link within the folder that leads nowhere."""
    found = pages(folder)
    return [
        f"{path.relative_to(folder)}: {link}"
        for path, page in found.items()
        for link in page.links
        if not urlsplit(link).scheme and not _leads(found, path, link)
    ]


def reachable(folder: Path, start: str = "index.html") -> set[str]:
    """Return the pages that links lead to from `start`, itself included."""
    found = pages(folder)
    waiting, seen = [folder / start], {folder / start}
    while waiting:
        here = waiting.pop()
        for linked in _neighbours(here, found[here]):
            if linked in found and linked not in seen:
                seen.add(linked)
                waiting.append(linked)
    return {str(path.relative_to(folder)) for path in seen}


def written(folder: Path) -> dict[str, tuple[int, int]]:
    """Return for each file which write of it lies there: a replaced file has another inode."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def _leads(found: dict[Path, Page], path: Path, link: str) -> bool:
    parts = urlsplit(link)
    linked = (path.parent / parts.path).resolve() if parts.path else path
    page = found.get(linked)
    return page is not None and (not parts.fragment or parts.fragment in page.ids)


def _neighbours(here: Path, page: Page) -> Iterator[Path]:
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme and parts.path:
            yield (here.parent / parts.path).resolve()
