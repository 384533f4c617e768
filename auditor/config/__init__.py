"""The configuration: reads TOML, returns frozen settings, and names every wrong key at once."""

from __future__ import annotations

from auditor.config.advice import scopes, warnings
from auditor.config.load import find, load
from auditor.config.tables import ChannelTable, LogFormat, ProjectTable, Settings

__all__ = [
    "ChannelTable",
    "LogFormat",
    "ProjectTable",
    "Settings",
    "find",
    "load",
    "scopes",
    "warnings",
]
