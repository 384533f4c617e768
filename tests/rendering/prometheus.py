"""The text format of Prometheus, read strictly: what a scrape would refuse is an error here."""

from __future__ import annotations

import re

_NAME = r"[a-z][a-z0-9_]*"  # stricter than the format: what Prometheus' own advice would have
_VALUE = r'"((?:[^"\\\n]|\\[\\"n])*)"'
_HELP = re.compile(rf"# HELP ({_NAME}) ([^\n\\]+\.)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (gauge)")
_PAIR = re.compile(rf"({_NAME})={_VALUE}")
_PAIRS = rf"{_NAME}={_VALUE}(?:,{_NAME}={_VALUE})*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(?P<pairs>{_PAIRS})\}})? (?P<value>-?[0-9][0-9.e+-]*)")
_UNITS = (
    "_seconds",
    "_info",
    "_status",
    "_targets",
    "_messages",
    "_findings",
    "_fetches",
    "_conditions",
    "_projects",
)


def read(text: str) -> dict[tuple[str, str], float]:
    """Return each sample by its name and the values of its labels, joined by commas."""
    assert text.endswith("\n")
    samples: dict[tuple[str, str], float] = {}
    seen: set[str] = set()
    lines = text.splitlines()
    while lines:
        described, kind = _HELP.fullmatch(lines.pop(0)), _TYPE.fullmatch(lines.pop(0))
        assert described is not None
        assert kind is not None
        name = described[1]
        assert kind[1] == name
        assert name not in seen, "a family is in one piece"
        assert name.startswith("auditor_")
        assert name.endswith(_UNITS)
        seen.add(name)
        assert lines
        assert not lines[0].startswith("#"), "a family has a sample"
        while lines and not lines[0].startswith("#"):
            sample = _SAMPLE.fullmatch(lines.pop(0))
            assert sample is not None
            assert sample[1] == name
            pairs = _PAIR.finditer(sample["pairs"] or "")
            key = (name, ",".join(pair[2] for pair in pairs))
            assert key not in samples
            samples[key] = float(sample["value"])
    return samples
