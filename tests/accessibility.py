"""axe-core on every kind of page of the archive, in light and dark, wide and narrow.

By hand, with `make axe`: npm fetches axe-core into a temporary folder. Exits 1 on a violation.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.demo.walkthrough import show_drift
from auditor.rendering.outline import Footer
from auditor.rendering.site import FolderSite, make_linked_pages
from tests.browser import Browser, browser
from tests.rendering.samples import NIGHTS, TEMPLATES
from tests.rendering.sites import year_of_runs

AXE = "axe-core@4.10.3"
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(
  found => done([found.violations, found.passes.length]), error => done([String(error), 0]));
"""


def main() -> int:
    """Look at every page and print what axe says; return an exit code."""
    npm = shutil.which("npm")
    if npm is None:
        sys.stdout.write("skipped: no npm on the PATH, so no axe-core\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        axe = _axe(npm, here / "npm")
        pages = list(_pages(here / "demo"))
        with browser(here) as opened:
            violations = [pair for page in pages for pair in _looks(opened, page, axe)]
    for where, violation in violations:
        sys.stdout.write(f"{where}: {violation['id']}: {violation['help']}\n")
        sys.stdout.writelines(f"    {node['html'][:200]}\n" for node in violation["nodes"][:3])
    sys.stdout.write(f"{len(pages)} pages, 4 looks each: {len(violations)} violations\n")
    return 1 if violations else 0


def _axe(npm: str, folder: Path) -> str:
    folder.mkdir()
    subprocess.run(  # noqa: S603 - npm, as found on the PATH
        [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", AXE],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def _pages(folder: Path) -> Iterator[Path]:
    """Yield a page of every kind: those of the demo, a year's, and a run of every sort."""
    show_drift(folder, lambda _: None)
    reports = folder / "reports"
    site = FolderSite(
        directory=folder / "sorts",
        pages=make_linked_pages(TEMPLATES),
        footer=Footer(version="0", studio_url="https://studio.edgeimpulse.com"),
    )
    site.write_year(2025, year_of_runs(), runs=range(10_000))
    yield folder / "sorts" / "runs-2025.html"
    for number, night in enumerate(NIGHTS.values(), start=1):
        page = folder / "sorts" / f"night-{number}.html"
        page.write_text(site.run_page(night(), 1, 3), encoding="utf-8")
        yield page
    yield reports / "index.html"
    yield from sorted((reports / "targets").glob("*.html"))
    yield from sorted((reports / "projects").glob("*.html"))


def _looks(opened: Browser, page: Path, axe: str) -> Iterator[tuple[str, Any]]:
    for width in (360, 1000):
        for is_dark in (False, True):
            opened.open(page.as_uri())
            opened.look(width=width, is_dark=is_dark)
            opened.run(
                "for (const element of document.querySelectorAll('details')) element.open = true"
            )
            opened.run(axe)
            violations, passes = opened.run_async(_RUN)
            if not passes:
                raise RuntimeError(f"axe did not run: {json.dumps(violations)}")
            look = f"{page.name} at {width} px, {'dark' if is_dark else 'light'}"
            yield from ((look, violation) for violation in violations)


if __name__ == "__main__":
    sys.exit(main())
