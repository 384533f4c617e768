"""A folder of pages as a browser finds it: where links lead, what a page holds."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit


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
        self.feed(text)

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
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))


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
