from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import load
from auditor.errors import ConfigError, Problem
from auditor.model import TargetId
from tests.config.test_rules import BASES, PROJECT, STUDIO_KEY, loaded, rule, table


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return caught.value.problems


def only(folder: Path, text: str) -> tuple[str, str, str]:
    (problem,) = problems(folder, text)
    return problem.key, problem.message, problem.remedy


@pytest.mark.parametrize("name", ["severity", "ignore"])
def test_a_rule_about_findings_has_a_path_or_an_area(tmp_path: Path, name: str) -> None:
    neither = only(tmp_path, table(name, path=None, area=None))
    both = only(tmp_path, table(name, path='"mode"', area='"layers"'))

    assert neither == (f"{name}[0].path", "is missing", "add path = … or area = …")
    assert both == (f"{name}[0].area", "cannot be combined with path", "keep one of the two")


@pytest.mark.parametrize(
    ("path", "message", "remedy"),
    [
        ("", "is blank", "write a path, such as thresholds[min_score].value"),
        ("  ", "is blank", "write a path, such as thresholds[min_score].value"),
        (" mode", "starts or ends with a space", "remove the space, or write * in its place"),
        ("mode\\n", "starts or ends with a space", "remove the space, or write * in its place"),
        ("mo\\u0000de", "contains a control character", "write * in its place"),
        ("mo\\tde", "contains a control character", "write * in its place"),
        ("mo\\u202Ede", "contains a control character", "write * in its place"),
    ],
)
@pytest.mark.parametrize("name", ["severity", "ignore", "rules"])
def test_a_path_is_one_that_an_answer_can_have(
    tmp_path: Path, name: str, path: str, message: str, remedy: str
) -> None:
    found = only(tmp_path, table(name, area=None, path=f'"{path}"'))

    assert found == (f"{name}[0].path", message, remedy)


@pytest.mark.parametrize("area", ['"interface"', '"Layers"', '""', "1"])
def test_an_area_is_one_whose_findings_are_named(tmp_path: Path, area: str) -> None:
    found = only(tmp_path, table("severity", area=area))

    assert found[:2] == ("severity[0].area", "is not an allowed value")
    assert found[2].startswith("write 'trained', 'layers', ")
    assert "interface" not in found[2]


@pytest.mark.parametrize("name", ["severity", "rules"])
def test_a_severity_is_one_of_five(tmp_path: Path, name: str) -> None:
    found = only(tmp_path, table(name, severity='"urgent"'))

    assert found == (
        f"{name}[0].severity",
        "is not an allowed value",
        "write 'info', 'low', 'medium', 'high' or 'critical'",
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("severity", "severity"),
        ("ignore", "reason"),
        ("ignore", "author"),
        ("ignore", "until"),
        ("rules", "name"),
        ("windows", "from_"),
        ("windows", "until"),
        ("windows", "reason"),
        ("windows", "author"),
    ],
)
def test_what_is_needed_is_missed(tmp_path: Path, name: str, key: str) -> None:
    found = only(tmp_path, table(name, **{key: None}))

    written = key.rstrip("_")
    assert found == (f"{name}[0].{written}", "is missing", f"add {written} = …")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ignore", "reason"),
        ("ignore", "author"),
        ("ignore", "name"),
        ("rules", "name"),
        ("windows", "reason"),
        ("windows", "author"),
    ],
)
def test_words_are_one_line_that_is_not_blank(tmp_path: Path, name: str, key: str) -> None:
    blank = only(tmp_path, table(name, **{key: '" \\t "'}))
    lines = only(tmp_path, table(name, **{key: '"a\\nb"'}))

    assert blank == (f"{name}[0].{key}", "is blank", "write a line of text")
    assert lines[:2] == (f"{name}[0].{key}", "is not one line of text")


@pytest.mark.parametrize("name", BASES)
def test_each_is_a_list_of_tables(tmp_path: Path, name: str) -> None:
    found = only(tmp_path, table(name).replace("[[", "[").replace("]]", "]", 1))

    assert found == (
        name,
        "is a table, not a list",
        "write it in brackets, or a list of tables as [[name]]",
    )


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[[severities]]\n", "severities", "did you mean severity?"),
        ("[[window]]\n", "window", "did you mean windows?"),
        (table("ignore", untill="1"), "ignore[0].untill", "did you mean until?"),
        (table("windows", fro="1"), "windows[0].fro", "did you mean from?"),
        (table("rules", one_off="1"), "rules[0].one_off", "did you mean one_of?"),
        (table("severity", between="[0, 1]"), "severity[0].between", "move it to [[rules]]"),
        (table("rules", learn_blocks="1"), "rules[0].learn_blocks", "did you mean blocks?"),
    ],
)
def test_an_unknown_key_is_named_with_the_key_that_was_meant(
    tmp_path: Path, text: str, key: str, remedy: str
) -> None:
    assert only(tmp_path, text) == (key, "is not a known key", remedy)


@pytest.mark.parametrize("name", ["ignore", "rules"])
def test_no_two_have_the_same_name(tmp_path: Path, name: str) -> None:
    first, other, again = (table(name, name=text) for text in ('"a"', '"b"', '" a "'))

    found = only(tmp_path, first + other + again)

    assert found == (
        f"{name}[2].name",
        f"is also the name of {name}[0]",
        "give each its own name",
    )


def test_a_name_that_was_left_out_counts_too(tmp_path: Path) -> None:
    named = table("ignore", name='"area data"')
    nameless = table("ignore", path=None, area='"data"')

    assert only(tmp_path, named + nameless) == (
        "ignore[1].name",
        "is missing, and its default 'area data' is also the name of ignore[0]",
        "give each its own name",
    )
    assert only(tmp_path, table("ignore") * 2)[0] == "ignore[1].name"


def test_an_ignored_path_and_a_rule_may_share_a_name(tmp_path: Path) -> None:
    text = table("ignore", name='"a"') + table("rules", name='"a"')

    assert loaded(tmp_path, text).rules.states[0].name == "a"


def test_a_rule_asks_for_something(tmp_path: Path) -> None:
    assert only(tmp_path, table("rules", between=None)) == (
        "rules[0]",
        "has no condition",
        "add path with between, is or one_of; or add stale_at_most_days",
    )


def test_a_rule_asks_for_one_thing(tmp_path: Path) -> None:
    found = problems(tmp_path, table("rules") + "is = 1\nstale_at_most_days = 1\n")

    assert [(each.key, each.message, each.remedy) for each in found] == [
        (
            f"rules[0].{key}",
            "cannot be combined with between",
            "move one of the two to its own [[rules]]",
        )
        for key in ("is", "stale_at_most_days")
    ]


def test_a_rule_on_a_value_has_a_path_and_one_on_the_model_has_none(tmp_path: Path) -> None:
    value = only(tmp_path, rule("is = false", path=None))
    model = only(tmp_path, rule("stale_at_most_days = 7"))

    assert value == ("rules[0].path", "is required with is", "add path = …")
    assert model == (
        "rules[0].path",
        "cannot be combined with stale_at_most_days",
        "remove it: the rule is about the model",
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("0.5", "is not a list of two numbers"),
        ("[]", "is not a list of two numbers"),
        ("[1]", "is not a list of two numbers"),
        ("[1, 2, 3]", "is not a list of two numbers"),
        ('"0 to 1"', "is not a list of two numbers"),
        ("[0.8, 0.4]", "has the higher number first"),
    ],
)
def test_between_is_two_numbers_the_lower_first(
    tmp_path: Path, condition: str, message: str
) -> None:
    found = only(tmp_path, rule(f"between = {condition}"))

    assert found[:2] == ("rules[0].between", message)
    assert found[2].startswith("write the low")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("nan", "is out of range"),
        ("inf", "is out of range"),
        ("true", "is true or false, not a number"),
        ('"1"', "is text, not a number"),
    ],
)
def test_between_is_finite_numbers(tmp_path: Path, number: str, message: str) -> None:
    found = only(tmp_path, rule(f"between = [0, {number}]"))

    assert found[:2] == ("rules[0].between[1]", message)


@pytest.mark.parametrize(
    ("value", "message", "remedy"),
    [
        (
            "[1]",
            "is not text, a number, true or false",
            "write one of these; write several values as one_of",
        ),
        (
            "{ a = 1 }",
            "is not text, a number, true or false",
            "write one of these; write several values as one_of",
        ),
        (
            "2026-12-01",
            "is not text, a number, true or false",
            "write one of these; write several values as one_of",
        ),
        ("nan", "is out of range", "write a finite number"),
        ("-inf", "is out of range", "write a finite number"),
        ("1" + "0" * 400, "is out of range", "write a finite number"),
    ],
    ids=["list", "table", "date", "nan", "infinite", "huge"],
)
def test_a_wanted_value_is_plain(tmp_path: Path, value: str, message: str, remedy: str) -> None:
    problem = only(tmp_path, rule(f"is = {value}"))
    several = only(tmp_path, rule(f"one_of = [1, {value}]"))

    assert problem[:2] == ("rules[0].is", message)
    assert several[:2] == ("rules[0].one_of[1]", message)
    assert problem[2] == several[2]
    assert problem[2].startswith(remedy)


def test_one_of_names_between_one_value_and_fifty(tmp_path: Path) -> None:
    none = only(tmp_path, rule("one_of = []"))
    many = only(tmp_path, rule(f"one_of = {list(range(51))}"))
    text = only(tmp_path, rule('one_of = "visual"'))

    assert none == (
        "rules[0].one_of",
        "is empty, so no value is allowed",
        "list the allowed values",
    )
    assert many[:2] == ("rules[0].one_of", "has more than 50 values")
    assert text[:2] == ("rules[0].one_of", "is text, not a list")


@pytest.mark.parametrize("days", ["0", "-1", "inf", "nan", "36501", "1e300"])
def test_a_model_may_be_stale_for_some_days(tmp_path: Path, days: str) -> None:
    found = only(tmp_path, rule(f"stale_at_most_days = {days}", path=None))

    assert found[:2] == ("rules[0].stale_at_most_days", "is out of range")
    assert found[2].startswith("write a ")


@pytest.mark.parametrize(
    ("until", "kind"),
    [
        ("2027-03-01T00:00:00Z", "a date with a time"),
        ("2027-03-01T00:00:00", "a date with a time"),
        ("08:00:00", "a time"),
        ('"2027-03-01"', "text"),
        ("20270301", "a whole number"),
    ],
)
def test_the_last_day_is_a_date(tmp_path: Path, until: str, kind: str) -> None:
    assert only(tmp_path, table("ignore", until=until)) == (
        "ignore[0].until",
        f"is {kind}, not a date",
        "write only the day, without quotes: 2027-03-01",
    )


@pytest.mark.parametrize("key", ["from", "until"])
@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        ("2026-12-01", "a date"),
        ("08:00:00", "a time"),
        ('"2026-12-01T08:00:00Z"', "text"),
        ("1796112000", "a whole number"),
    ],
)
def test_the_ends_of_a_window_are_dates_with_a_time(
    tmp_path: Path, key: str, moment: str, kind: str
) -> None:
    assert only(tmp_path, table("windows", **{key: moment})) == (
        f"windows[0].{key}",
        f"is {kind}, not a date with a time",
        "write both, without quotes: 2026-12-01T08:00:00Z",
    )


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-12-01T08:00:00Z", "2026-12-01T07:59:59Z"),
        ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
        ("2026-12-01T08:00:00Z", "2026-12-01T09:00:00+02:00"),
        ("2026-12-01T08:00:00", "2026-12-01T07:30:00"),
        # 08:00 in Berlin is 07:00 UTC.
        ("2026-12-01T07:30:00Z", "2026-12-01T08:00:00"),
    ],
)
def test_a_window_ends_after_it_begins(tmp_path: Path, begin: str, end: str) -> None:
    schedule = '[schedule]\ntimezone = "Europe/Berlin"\n'

    assert only(tmp_path, schedule + table("windows", from_=begin, until=end)) == (
        "windows[0].until",
        "is not after from",
        "write a later time; without an offset it is in schedule.timezone",
    )


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_utc_cannot_tell_is_refused(tmp_path: Path, moment: str) -> None:
    assert only(tmp_path, table("windows", until=moment)) == (
        "windows[0].until",
        "is out of range",
        "write a year from 2000 to 9998",
    )


def test_a_window_in_a_zone_that_is_not_known_is_named_once(tmp_path: Path) -> None:
    text = '[schedule]\ntimezone = "Nowhere"\n' + table("windows", until="2020-01-01T00:00:00")

    assert only(tmp_path, text)[0] == "schedule.timezone"


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("key", ["projects", "blocks"])
def test_a_list_of_targets_is_not_empty(tmp_path: Path, name: str, key: str) -> None:
    assert only(tmp_path, table(name, **{key: "[]"})) == (
        f"{name}[0].{key}",
        "is empty, so it applies to nothing",
        "list what it applies to, or remove the key so that it applies to everything",
    )


@pytest.mark.parametrize(
    "block",
    ['"3"', '"1/"', '"1/0"', '"0/1"', '"1/2/3"', '" 1/2"', '"1/-2"', '"1/٣"', "3", "[1, 3]"],
)
def test_a_block_is_a_project_and_a_learn_id(tmp_path: Path, block: str) -> None:
    assert only(tmp_path, table("ignore", blocks=f'["1/3", {block}]')) == (
        "ignore[0].blocks[1]",
        "is not a block",
        'write "PROJECT/BLOCK", for example "12345/3"',
    )


def test_the_widest_ids_are_those_that_the_database_holds(tmp_path: Path) -> None:
    widest = 2**63 - 1

    made = loaded(tmp_path, table("ignore", blocks=f'["{widest}/{widest}"]')).rules.ignores[0]

    assert made.scope.blocks == {TargetId(widest, widest)}
    assert only(tmp_path, table("ignore", blocks=f'["1/{widest + 1}"]'))[0] == (
        "ignore[0].blocks[0]"
    )


def test_a_project_is_a_number(tmp_path: Path) -> None:
    assert only(tmp_path, table("windows", projects='["1"]'))[:2] == (
        "windows[0].projects[0]",
        "is text, not a whole number",
    )


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    text = (
        table("severity", area='"interface"', path='""', severity='"x"')
        + table("ignore", reason='""', until="2026-12-01T08:00:00Z")
        + table("ignore")
        + table("rules", path=None, between="[1, 0]", is_="nan")
        + table("windows", until="2026-12-01T07:00:00Z", author=None, blocks='["x"]')
    )

    assert sorted(problem.key for problem in problems(tmp_path, text)) == [
        "ignore[0].reason",
        "ignore[0].until",
        "ignore[1].name",
        "rules[0].between",
        "rules[0].is",
        "rules[0].is",
        "rules[0].path",
        "severity[0].area",
        "severity[0].area",
        "severity[0].path",
        "severity[0].severity",
        "windows[0].author",
        "windows[0].blocks[0]",
        "windows[0].until",
    ]


@pytest.mark.parametrize("name", BASES)
def test_what_is_no_table_is_named_as_that(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"{name} = [1]\n{PROJECT}")

    with pytest.raises(ConfigError) as caught:
        load(path, environ={"KEY": "ei_key"})

    assert [(each.key, each.message) for each in caught.value.problems] == [
        (f"{name}[0]", "is a whole number, not a table")
    ]


@pytest.mark.parametrize("key", ["path", "name", "area"])
def test_names_of_another_kind_are_named_by_their_kind_alone(tmp_path: Path, key: str) -> None:
    without = {"path": None, key: "[1]"} if key == "area" else {key: "[1]"}

    found = problems(tmp_path, table("ignore", **without) * 2)

    assert [each.key for each in found] == [f"ignore[0].{key}", f"ignore[1].{key}"]


def test_no_error_shows_a_key_of_studio(tmp_path: Path) -> None:
    text = table("ignore", path=f'"{STUDIO_KEY}"') * 2

    assert STUDIO_KEY not in "\n".join(map(str, problems(tmp_path, text)))


def test_a_name_that_reports_use_themselves_is_refused(tmp_path: Path) -> None:
    key, message, _ = only(tmp_path, table("ignore", name='"interface"'))

    assert (key, message) == (
        "ignore[0].name",
        "is reserved: reports call changes of Studio's own interface so",
    )
