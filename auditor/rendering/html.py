"""Reports and comparisons as HTML: a mail with its styles inlined, or a page of its own.

A page carries its Content-Security-Policy: its own styles and scripts, named by their hash, and
nothing else.
https://www.w3.org/TR/CSP3/: a policy in a `meta` element holds for what follows it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from auditor.listings import MOST_RUNS_DRAWN
from auditor.model import ModelState
from auditor.rendering.alike import MOST_NAMED, group_by_project
from auditor.rendering.changes import ChangeLine
from auditor.rendering.outline import Outline, VersionDiff
from auditor.rendering.text import (
    ALIKE_ACKNOWLEDGE,
    ALIKE_RESTORE,
    AUTHOR,
    COMMANDS,
    JUDGED_ALONE,
    VENDOR,
    describe_undone,
    explain_restore,
    locate_long_request,
)
from auditor.rendering.views import view_finding
from auditor.rendering.words import name

if TYPE_CHECKING:  # only mails need it
    from css_inline import CSSInliner

_CSS = {"-": "del", "+": "add", " ": "same", "@": "mark"}
_SHOWN_SIGNS = {"-": "\N{MINUS SIGN}", "+": "+", " ": " ", "@": "·"}
_WORDS = {"-": "was", "+": "now"}
_MODEL_TONES = {
    ModelState.STALE: "high",
    ModelState.UNTRAINED: "medium",
    ModelState.TRAINED: "ok",
    ModelState.UNKNOWN: "info",
    ModelState.NONE: "info",
}
_CODE = re.compile(r"`(auditor [^`]*)`")
_HEAD = '<meta charset="utf-8">'
_STYLE = re.compile(r"<style>((?:[^<]++|<(?!/style>))*+)</style>")
_SCRIPT = re.compile(r"<script>((?:[^<]++|<(?!/script>))*+)</script>")
_ATTRIBUTE = re.compile(r'<[a-z][^<>]* style="')
_MOST_ROWS = 8  # of a section; more entries are lines of one row
_MOST_UNSEARCHED = 8  # rows of a list that is short enough to see at once
_NO_STYLE = "'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBlock:
    """Lines of one sign, shown in one box."""

    css: str
    text: str


def link_nothing(words: str) -> str:
    """Return no page for the block that `words` name: a mail comes with no pages."""
    del words
    return ""


class HtmlRenderer:
    """Fills the templates. Foreign text is harmless before, and escaped here as well.

    `place` returns the relative address of the page of a block (`1/3`) or of a project (`1`);
    empty where there is none to link to.
    """

    def __init__(self, templates: Path, place: Callable[[str], str] = link_nothing) -> None:
        self._environment = _Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # else each use of a template asks whether its file has changed
            bytecode_cache=_CompiledTemplates(templates),
        )
        self._place = place
        self._environment.filters.update(
            blocks=group_lines,
            stretches=measure_stretches,
            linked=self._linked,
            coded=mark_code,
            by_project=group_by_project,
        )
        self._environment.globals.update(
            author=AUTHOR,
            vendor=VENDOR,
            commands=COMMANDS,
            explain_restore=explain_restore,
            locate_long_request=locate_long_request,
            model_tones=_MODEL_TONES,
            most_runs=MOST_RUNS_DRAWN,
            most_named=MOST_NAMED,
            most_rows=_MOST_ROWS,
            most_unsearched=_MOST_UNSEARCHED,
            alike_acknowledge=ALIKE_ACKNOWLEDGE,
            describe_undone=describe_undone,
            judged_alone=JUDGED_ALONE,
            alike_restore=ALIKE_RESTORE,
        )

    def mail(self, report: Outline) -> str:
        """Return the report with every style on its element, as mail clients need it."""
        return _inliner().inline(self._report(report, is_page=False))

    def page(self, report: Outline) -> str:
        """Return the report as a page of its own, with the values of vendor changes."""
        return self._report(report, is_page=True)

    def diff(self, comparison: VersionDiff) -> str:
        """Return a comparison of two answers as a page of its own."""
        return self.render(
            "diff.html",
            old=name(comparison.old),
            new=name(comparison.new),
            model=str(comparison.model_state),
            suppressed=comparison.suppressed,
            findings=[view_finding(finding) for finding in comparison.worst_first()],
        )

    def render(self, template: str, **values: object) -> str:
        """Return a filled template."""
        return self._environment.get_template(template).render(**values)

    def _linked(self, words: object, whose: object = None) -> str | Markup:
        """Return the words as a link to the page of the block or project that they name."""
        place = self._place(str(words if whose is None else whose))
        if not place:
            return str(words)
        return Markup('<a href="{}">{}</a>').format(place, words)

    def _report(self, report: Outline, *, is_page: bool) -> str:
        return self.render("report.html", report=report, is_page=is_page)


class _Environment(Environment):
    """Templates that share one mapping of globals, which stay as they are at first.

    Jinja's own, a `ChainMap` for each template, are slow to compare at each `import`.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template."""
        return {**self.globals, **d} if d else self.globals


class _CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates, kept beside the templates as Python keeps its compiled modules.

    Where that folder cannot be written, they are compiled at each start.
    """

    def __init__(self, templates: Path) -> None:
        self._folder = templates / "__pycache__"
        super().__init__(str(self._folder))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, unless there is no file for it or a damaged one."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001 - whatever `pickle` and `marshal` say of damaged files
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write what was compiled."""
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            super().dump_bytecode(bucket)


def mark_code(words: object) -> Markup:
    """Return words with each command in backticks (`auditor status`) as code."""
    return Markup(_CODE.sub(r'<span class="code">\1</span>', str(escape(words))))  # noqa: S704 - escaped


def group_lines(lines: Sequence[ChangeLine]) -> tuple[LineBlock, ...]:
    """Return the lines grouped by sign; a lone pair says `was` and `now` next to its signs."""
    is_pair = [line.sign for line in lines] == ["-", "+"]
    return tuple(
        LineBlock(css=_CSS[sign], text="\n".join(_signed(line, in_pair=is_pair) for line in group))
        for sign, group in groupby(lines, key=attrgetter("sign"))
    )


def measure_stretches(slots: str) -> tuple[tuple[str, int], ...]:
    """Return the marks of a scale in their order, and how many slots each takes."""
    return tuple((sign, len(list(stretch))) for sign, stretch in groupby(slots))


def add_policy(page: str) -> str:
    """Return the page with its policy: no frame, no form, nothing from elsewhere.

    Its own scripts and styles are named by their hash, so no other one runs. Style attributes are
    allowed where the page has some; foreign text cannot bring one in, for its quotes and angle
    brackets are escaped.
    """
    scripts = " ".join(map(_hash, _SCRIPT.findall(page)))
    policy = [
        "default-src 'none'",
        f"style-src {' '.join(map(_hash, _STYLE.findall(page))) or _NO_STYLE}",
        *([f"script-src {scripts}"] if scripts else []),
        *(["style-src-attr 'unsafe-inline'"] if _ATTRIBUTE.search(page) else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    meta = f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">'
    return page.replace(_HEAD, f'{_HEAD}\n{meta}\n<meta name="referrer" content="no-referrer">', 1)


def _signed(line: ChangeLine, *, in_pair: bool) -> str:
    word = f"{_WORDS[line.sign]} " if in_pair else ""
    return f"{_SHOWN_SIGNS[line.sign]} {word}{line.text}".rstrip()


@cache
def _inliner() -> CSSInliner:
    from css_inline import CSSInliner  # noqa: PLC0415

    # Clients that know `prefers-color-scheme` need the at-rules; Gmail drops both.
    return CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)


@lru_cache(maxsize=16)  # of the templates' own, which every page repeats
def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
