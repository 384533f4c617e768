"""A report as a mail carries it: subject, headers, text and HTML within a mail's bounds."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from auditor.drift.model import Report
from auditor.ports import Mailing
from auditor.rendering.html import HtmlRenderer
from auditor.rendering.outline import Colophon, Limits, Outline
from auditor.rendering.sections import outline
from auditor.rendering.text import report_text

# Gmail clips what passes about 102 KB, counted as it was encoded.
MOST_HTML_BYTES = 90_000
_MOST_SHOWN = 256
_LEAST_ENTRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRenderer:
    """Fulfils `ports.Renderer`. `list_id` names the stream of reports (RFC 2919)."""

    pages: HtmlRenderer
    colophon: Colophon
    list_id: str

    def mailing(self, report: Report) -> Mailing:
        """Return the report with as many findings, worst first, as the mail can hold."""
        shown, html = self._fitted(report)
        return Mailing(
            subject=shown.verdict.subject,
            text=report_text(shown),
            html=html,
            headers=self._headers(report, shown),
        )

    def text(self, report: Report) -> str:
        """Return the whole report as plain text."""
        return report_text(outline(report, self.colophon, Limits()))

    def page(self, report: Report) -> str:
        """Return the whole report as a page."""
        return self.pages.page(outline(report, self.colophon, Limits()))

    def _fitted(self, report: Report) -> tuple[Outline, str]:
        whole = self._at(report, Limits(findings=_MOST_SHOWN, entries=_MOST_SHOWN))
        if _fits(whole[1]):
            return whole
        # Bisection: the more is shown, the longer the mail; `most` is known not to fit.
        least, most = 0, _MOST_SHOWN
        while most - least > 1:
            middle = (least + most) // 2
            fits = _fits(self._at(report, _limits(middle))[1])
            least, most = (middle, most) if fits else (least, middle)
        return self._at(report, _limits(least))

    def _at(self, report: Report, limits: Limits) -> tuple[Outline, str]:
        shown = outline(report, self.colophon, limits)
        return shown, self.pages.mail(shown)

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


def _limits(most: int) -> Limits:
    return Limits(findings=most, entries=max(most, _LEAST_ENTRIES))


def _fits(html: str) -> bool:
    return len(binascii.b2a_qp(html.encode())) <= MOST_HTML_BYTES
