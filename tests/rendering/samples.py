"""The made-up reports of the program, and a renderer, that the tests of rendering share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from auditor.demo.sample_blocks import (
    LAST_NIGHT,
    STARTED,
    block,
    condition,
    finding,
    report,
    run,
    unread,
)
from auditor.demo.sample_changes import (
    NEW_SCRIPT,
    OLD_SCRIPT,
    drifted_block,
    untrained_block,
    vendor,
)
from auditor.demo.sample_floods import HOSTILE, flood, flood_alike, hostile
from auditor.demo.sample_reports import (
    STATES,
    decided,
    drift,
    failed,
    first_night,
    incomplete,
    quiet,
)
from auditor.rendering.html import HtmlRenderer
from auditor.rendering.mailing import MailRenderer
from auditor.rendering.outline import Footer

__all__ = [
    "HOSTILE",
    "LAST_NIGHT",
    "NEW_SCRIPT",
    "NIGHTS",
    "OLD_SCRIPT",
    "PAGE",
    "STARTED",
    "STATES",
    "TEMPLATES",
    "block",
    "condition",
    "decided",
    "drift",
    "drifted_block",
    "failed",
    "finding",
    "first_night",
    "flood",
    "flood_alike",
    "hostile",
    "incomplete",
    "quiet",
    "renderer",
    "report",
    "run",
    "unread",
    "untrained_block",
    "vendor",
]
TEMPLATES = Path(__file__).parents[2] / "templates"
PAGE = "/var/lib/auditor/reports/run-000007.html"
NIGHTS = {name: night for name, night in STATES.items() if not name.startswith("flood")}


@cache
def renderer() -> MailRenderer:
    """Return a renderer, whose templates are compiled once for all tests."""
    footer = Footer(
        version="0.1.0",
        why="Your address is listed under [email] recipients in the auditor's configuration.",
        studio_url="https://studio.edgeimpulse.com",
        api_url="https://studio.edgeimpulse.com/v1",
    )
    return MailRenderer(pages=HtmlRenderer(TEMPLATES), footer=footer, list_id="drift.example.org")
