"""The dashboard and the alert rules: what they name is what the program writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli.parser import build_parser
from auditor.demo.sample_reports import drift
from auditor.listings import TargetStatus
from auditor.model import BlockKindName, ModelState, TargetId, TargetState
from auditor.rendering.metrics import Measurements, render_metrics
from auditor.resources import read_text
from tests.rendering.prometheus import read

RULES, DASHBOARD = "docs/monitoring/auditor.rules.yml", "docs/monitoring/grafana-dashboard.json"
_METRIC = re.compile(r"\bauditor_[a-z_]+\b")
_SELECTOR = re.compile(r"(auditor_[a-z_]+)\{([^}]*)\}")
_LABEL = re.compile(r'([a-z_]+)\s*(=~?)\s*"([^"]*)"')
_COMMAND = re.compile(r"`auditor ([a-z]+)")
AT = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
STATUS = TargetStatus(
    target=TargetId(1, 3),
    kind=BlockKindName.KERAS,
    project="Pump",
    name="Motion",
    type="keras",
    state=TargetState.UNKNOWN,
    model_state=ModelState.TRAINED,
    last_changed_at=AT,
    last_checked_at=AT,
    last_attempted_at=AT,
    error=None,
)


def written() -> str:
    report = drift()
    return render_metrics(
        Measurements(
            version="1",
            last=report,
            success=report.run,
            states={(STATUS.target.project_id, STATUS.state): 1},
            messages={},
        )
    )


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(read_text(RULES))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    dashboard = json.loads(read_text(DASHBOARD))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (each["definition"] for each in dashboard["templating"]["list"][1:])


def test_every_metric_that_is_named_is_written_and_none_is_left_unseen() -> None:
    named = {name for expression in expressions() for name in _METRIC.findall(expression)}

    assert named <= {name for name, _ in read(written())}
    assert {name for name, _ in read(written())} <= named


def test_every_label_and_value_that_is_named_is_written() -> None:
    text = written()
    known = set()
    for line in text.splitlines():
        for name, pairs in _SELECTOR.findall(line):
            known |= {(name, label, value) for label, _, value in _LABEL.findall(pairs)}

    for expression in expressions():
        for name, pairs in _SELECTOR.findall(expression):
            for label, _, values in _LABEL.findall(pairs):
                if label != "instance":  # Prometheus' own
                    assert {(name, label, value) for value in values.split("|")} <= known


def test_every_alert_says_what_is_wrong_and_names_a_command_or_key_to_go_on_with() -> None:
    commands = {command for rule in rules() for command in _COMMAND.findall(_words(rule))}

    for command in commands:
        with pytest.raises(SystemExit) as ended:
            build_parser().parse_args([command, "--help"])
        assert ended.value.code == 0
    for rule in rules():
        assert rule["annotations"]["summary"].endswith(".")
        assert "`" in rule["annotations"]["description"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def _words(rule: dict[str, Any]) -> str:
    return str(rule["annotations"]["description"])


def promtool(*arguments: str, folder: Path) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run(  # noqa: S603 - a tool of Prometheus
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    (tmp_path / "auditor.rules.yml").write_text(read_text(RULES))

    assert f"{len(rules())} rules found" in promtool(
        "check", "rules", "auditor.rules.yml", folder=tmp_path
    )


def test_the_rules_fire_as_they_say(tmp_path: Path) -> None:
    (tmp_path / "auditor.rules.yml").write_text(read_text(RULES))
    series = {
        "auditor_build_info": "1x6000",
        "auditor_last_success_timestamp_seconds": "0x6000",
        'auditor_targets{state="unknown"}': "0x10 2x5990",
        'auditor_open_conditions{kind="stale",severity="critical"}': "0x10 1x5990",
        'auditor_outbox_messages{state="dead"}': "0x10 1x5990",
    }

    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": fires}],
            }
            for at, name, fires in (
                ("25h", "AuditorOverdue", 0),
                ("27h", "AuditorOverdue", 1),
                ("20h", "AuditorBlocksNotChecked", 0),
                ("30h", "AuditorBlocksNotChecked", 1),
                ("5m", "AuditorCriticalConditionOpen", 0),
                ("15m", "AuditorCriticalConditionOpen", 1),
                ("1h", "AuditorMessagesGivenUp", 1),
                ("30h", "AuditorMessagesWait", 0),
                ("30h", "AuditorNoMetrics", 0),
            )
        ],
    }
    tests = {"rule_files": ["auditor.rules.yml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))

    promtool("test", "rules", "tests.yml", folder=tmp_path)


def test_promtool_reads_the_metrics(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run(  # noqa: S603 - a tool of Prometheus
        [program, "check", "metrics"],
        input=written(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_panel_has_a_place_of_its_own_and_says_what_it_shows() -> None:
    panels = json.loads(read_text(DASHBOARD))["panels"]
    cells: set[tuple[int, int]] = set()

    for panel in panels:
        place = panel["gridPos"]
        mine = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert mine.isdisjoint(cells)
        assert max(x for x, _ in mine) < 24
        cells |= mine
    assert len({panel["title"] for panel in panels}) == len({p["id"] for p in panels})


def test_a_large_fleet_has_series_of_its_first_projects_and_says_how_many_are_left_out() -> None:
    fleet = {(number, STATUS.state): 1 for number in range(1, 251)}
    text = render_metrics(
        Measurements(version="1", last=None, success=None, states=fleet, messages={})
    )
    samples = read(text)

    assert samples["auditor_left_out_projects", ""] == 50
    assert samples["auditor_project_targets", "200,unknown"] == 1
    assert ("auditor_project_targets", "201,unknown") not in samples
    assert samples["auditor_targets", "unknown"] == 250
