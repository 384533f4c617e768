"""A report as a mail carries it: subject, headers, text and HTML, small enough for a mail."""

from __future__ import annotations

import binascii
import gzip
from dataclasses import dataclass, replace

from auditor.publishing import Attachment, MailContent
from auditor.rendering.archive import run_place
from auditor.rendering.html import HtmlRenderer
from auditor.rendering.outline import Footer, Limits, Outline
from auditor.rendering.sections import outline_report
from auditor.rendering.text import render_report, render_summary
from auditor.report import Report

# Gmail clips what passes about 102 KB, counted as it was encoded.
MOST_HTML_BYTES = 90_000
NO_PAGE = (
    "The page of this run could not be written, so this mail links to no page. The auditor's log "
    "says why."
)
_MOST_SHOWN = 256
_MOST_ATTACHED_BYTES = 1_000_000  # more is compressed: servers refuse mails of 10 to 25 MB
MOST_TEXT_BYTES = 1_000_000
_DETAILS_IN_TEXT = (400, 100, 0)
_PICTURES = (12, 8, 5, 3, 2, 0)  # how many blocks have pictures
_MOST_LINES = 1_000  # more lines of findings never fit
# Links give way first, then pictures, details, other entries, and last the lines of findings.
_FRAMES = (
    Limits(findings=12, further=_MOST_LINES, pictures=2),
    Limits(findings=12, further=_MOST_LINES, pictures=2, links=False),
    *(
        Limits(findings=findings, further=_MOST_LINES, entries=entries, pictures=0, links=False)
        for entries in (None, 100, 30, 10, 3)
        for findings in (12, 0)
    ),
    *(
        Limits(findings=0, further=further, entries=3, pictures=0, links=False)
        for further in (400, 100, 30)
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRenderer:
    """Fulfils `protocols.Renderer`.

    Attributes:
        list_id: names the stream of reports (RFC 2919).
        attaches: whether the full page is attached to a mail that cannot hold everything.
        is_for_parts: the readers get a part of each report, so no mail leads them to the run's
            page, which has the whole.
    """

    pages: HtmlRenderer
    footer: Footer
    list_id: str
    attaches: bool = True
    is_for_parts: bool = False

    def mail_content(self, report: Report, *, page: str) -> MailContent:
        """Return the report with as many findings, worst first, as the mail can hold.

        Where it cannot hold all of them, its text has a line for each of the others, too. `page`
        is the path of the run's page, which no mail names: its readers have the address. Without
        one, the mail says so and links to no page.
        """
        if report.digest is not None:
            return self.link_content(report, page="")
        if not page and report.run.id is not None:
            noted = replace(report, notes=(*report.notes, NO_PAGE))
            unlinked = replace(self, footer=replace(self.footer, site=""))
            return unlinked.link_content(noted, page="")
        is_linked = page and not self.is_for_parts
        return self.link_content(report, page=self._address(report) if is_linked else "")

    def link_content(self, report: Report, *, page: str) -> MailContent:
        """Return the content of a mail; `page` is where readers find the run's page."""
        whole, html = self._at(report, Limits(), full=page)
        text, summary = render_report(whole), render_summary(whole)
        if _fits(html):
            return self._mailing(whole, html, report, texts=(text, summary))
        attached = _name_attachment(report) if self.attaches else ""
        where = _locate(attached, page)
        shown, html = self._fitted(report, full=where)
        text = self._shortened(text, report, full=where)
        mailing = self._mailing(shown, html, report, texts=(text, summary))
        if not attached:
            return mailing
        return replace(mailing, attachment=_attachment(attached, self.page(report)))

    def _address(self, report: Report) -> str:
        """Return where readers find the page of the run."""
        place = run_place(report.run.id or 0)
        site = self.footer.site
        return f"{site}{place}" if site else f"{place} in the folder of reports"

    def _mailing(
        self, shown: Outline, html: str, report: Report, *, texts: tuple[str, str]
    ) -> MailContent:
        text, summary = texts
        return MailContent(
            subject=shown.verdict.subject,
            text=text,
            html=html,
            summary=summary,
            headers=self._headers(report, shown),
        )

    def _shortened(self, text: str, report: Report, *, full: str) -> str:
        """Return the text, with fewer details if it is too long: every finding has its line."""
        for findings in _DETAILS_IN_TEXT:
            if len(text.encode()) <= MOST_TEXT_BYTES:
                break
            text = render_report(self._outline(report, Limits(findings=findings), full=full))
        return text

    def text(self, report: Report, *, page: str = "") -> str:
        """Return the full report as plain text, for a terminal; `page` is where its page is."""
        return render_report(self._outline(report, Limits(), full=page, why=""))

    def page(self, report: Report) -> str:
        """Return the full report as a page."""
        return self.pages.page(outline_report(report, self.footer, Limits()))

    def _fitted(self, report: Report, *, full: str) -> tuple[Outline, str]:
        """Return as much as fits: first minor blocks lose their pictures, then findings go."""
        for pictures in _PICTURES if report.totals.findings <= _MOST_SHOWN else ():
            drawn = self._at(report, Limits(pictures=pictures), full=full)
            if _fits(drawn[1]):
                return drawn
        return self._cut(report, full=full)

    def _cut(self, report: Report, *, full: str) -> tuple[Outline, str]:
        """Return every finding in a line at least, if all fit, and details of the worst."""
        frame = next((f for f in _FRAMES if _fits(self._at(report, f, full=full)[1])), _FRAMES[-1])
        # Bisection: the more is shown, the longer the mail; `most` is known not to fit.
        least, most = frame.findings or 0, _MOST_SHOWN
        while most - least > 1:
            middle = (least + most) // 2
            fits = _fits(self._at(report, replace(frame, findings=middle), full=full)[1])
            least, most = (middle, most) if fits else (least, middle)
        return self._at(report, replace(frame, findings=least), full=full)

    def _at(self, report: Report, limits: Limits, *, full: str) -> tuple[Outline, str]:
        shown = self._outline(report, limits, full=full)
        return shown, self.pages.mail(shown)

    def _outline(
        self, report: Report, limits: Limits, *, full: str, why: str | None = None
    ) -> Outline:
        address = self._address(report)
        page = address if self.footer.site and address in full else ""
        why = self.footer.why if why is None else why
        return outline_report(report, replace(self.footer, full=full, page=page, why=why), limits)

    def _headers(self, report: Report, shown: Outline) -> dict[str, str]:
        totals = report.totals
        return {
            "List-Id": f"<{self.list_id}>",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "X-EI-Drift-Severity": shown.verdict.severity,
            "X-EI-Drift-Run": "dry-run" if report.run.id is None else str(report.run.id),
            "X-EI-Drift-Coverage": f"{totals.checked}/{totals.checked + totals.unknown}",
        }


def _locate(attached: str, page: str) -> str:
    """Return where the full report is: attached, on a page, or both."""
    if not attached:
        return page
    also = page.replace(attached, "", 1).strip() if page.startswith(attached) else page
    return f"attached as {attached}" + (f"; also {also}" if also else "")


def _name_attachment(report: Report) -> str:
    place = run_place(report.run.id or 0)
    return place if report.digest is None else place.replace("run-", "digest-", 1)


def _attachment(name: str, page: str) -> Attachment:
    content = page.encode()
    if len(content) <= _MOST_ATTACHED_BYTES:
        return Attachment(name=name, type="text/html", content=content)
    packed = gzip.compress(content, mtime=0)
    return Attachment(name=f"{name}.gz", type="application/gzip", content=packed)


def _fits(html: str) -> bool:
    return len(binascii.b2a_qp(html.encode())) <= MOST_HTML_BYTES
