"""The configuration: TOML in, plain frozen values out, every wrong key named at once."""

from __future__ import annotations

from auditor.config.advice import scopes, warnings
from auditor.config.build import load
from auditor.config.location import find
from auditor.config.settings import (
    DatabaseSettings,
    EmailSettings,
    LogFormat,
    NamedSchedule,
    ProjectSettings,
    ReportSettings,
    ScheduleSettings,
    Settings,
    StudioSettings,
)

__all__ = [
    "DatabaseSettings",
    "EmailSettings",
    "LogFormat",
    "NamedSchedule",
    "ProjectSettings",
    "ReportSettings",
    "ScheduleSettings",
    "Settings",
    "StudioSettings",
    "find",
    "load",
    "scopes",
    "warnings",
]
