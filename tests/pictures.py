"""Pictures of every kind of mail, as a reader sees them, and those of the documentation.

By hand, with `make pictures`; needs Chromium and chromedriver. Mails are shown 390 and 700
pixels wide, light and dark. The pictures of the documentation are of the sample with drift.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from auditor.demo.sample_mails import build_mail_builder, write_sample_mails
from tests.browser import Browser, browser

WIDE, NARROW = 700, 390
TALLEST = 4000
_DOCS = Path(__file__).parents[1] / "docs"
_IN_DOCS = (
    ("report.png", WIDE, False, 1640),
    ("report-dark.png", WIDE, True, 1640),
    ("report-phone.png", NARROW, False, 1500),
)


def main(arguments: list[str]) -> int:
    """Write the pictures of the documentation, or those of every mail into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        mails = Path(folder) / "mails"
        write_sample_mails(mails, build_mail_builder(None))
        with browser(Path(folder)) as opened:
            if arguments:
                _take_all(opened, mails, Path(arguments[0]))
            else:
                _take_for_docs(opened, mails / "drift.html")
    return 0


def _take_all(opened: Browser, mails: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for page in sorted(mails.glob("*.html")):
        for width in (WIDE, NARROW):
            for is_dark in (False, True):
                picture = folder / f"{page.stem}-{width}-{'dark' if is_dark else 'light'}.png"
                _take(opened, page, picture, width=width, is_dark=is_dark, tallest=TALLEST)
                if (wide := opened.run("return document.documentElement.scrollWidth")) > width:
                    sys.stdout.write(f"{picture.name}: scrolls sideways, {wide} px wide\n")


def _take_for_docs(opened: Browser, page: Path) -> None:
    for name, width, is_dark, height in _IN_DOCS:
        _take(opened, page, _DOCS / name, width=width, is_dark=is_dark, tallest=height)


def _take(
    opened: Browser, page: Path, picture: Path, *, width: int, is_dark: bool, tallest: int
) -> None:
    opened.look(width=width, is_dark=is_dark)
    opened.open(page.as_uri())
    opened.picture(picture, tallest=tallest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
