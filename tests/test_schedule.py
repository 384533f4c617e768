from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.schedule import (
    MOST_COUNTED,
    Cron,
    Gap,
    Slot,
    gap,
    newest_due,
    next_due,
    parse_cron,
    slot_named,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZULU = ZoneInfo("UTC")
EVERY_DAY = frozenset(range(1, 32))
EVERY_MONTH = frozenset(range(1, 13))
EVERY_WEEKDAY = frozenset(range(7))

ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Berlin",
            "America/Los_Angeles",
            "America/Havana",  # changes at midnight
            "Australia/Lord_Howe",  # changes by half an hour
            "Africa/Casablanca",  # changes twice more a year
            "Pacific/Apia",  # left out a whole day
            "Asia/Kathmandu",
        )
    ]
)
TIMES = st.integers(0, 35 * 366 * 24 * 3600).map(
    lambda seconds: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def field(first: int, last: int) -> st.SearchStrategy[str]:
    number = st.integers(first, last)
    spans = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stars = st.just("*")
    stepped = st.tuples(st.one_of(spans, stars), st.integers(1, last)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    members = st.one_of(number.map(str), spans, stars, stepped)
    return st.lists(members, min_size=1, max_size=3).map(",".join)


LINES = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map(
    " ".join
)


@cache
def named(text: str, first: int, last: int) -> frozenset[int]:
    """The numbers of a field by another road than the program's."""
    numbers: set[int] = set()
    for member in text.split(","):
        span, _, step = member.partition("/")
        ends = [first, last] if span == "*" else [int(end) for end in span.split("-")]
        numbers |= set(range(ends[0], ends[-1] + 1)[:: int(step or 1)])
    return frozenset(numbers)


def matches(line: str, minute: datetime) -> bool:
    texts = line.split()
    days = minute.day in named(texts[2], 1, 31)
    weekdays = minute.isoweekday() in {7 if n == 0 else n for n in named(texts[4], 0, 7)}
    starred = texts[2].startswith("*") or texts[4].startswith("*")
    return (
        minute.minute in named(texts[0], 0, 59)
        and minute.hour in named(texts[1], 0, 23)
        and minute.month in named(texts[3], 1, 12)
        and ((days and weekdays) if starred else (days or weekdays))
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(line: str, zone: ZoneInfo, *, after: str, before: str) -> list[tuple[str, str]]:
    cron, now, found = parse_cron(line), utc(after), []
    while (slot := next_due(cron, zone, now)) is not None and slot.at < utc(before):
        found.append((slot.local, slot.at.strftime("%Y-%m-%dT%H:%MZ")))
        now = slot.at
    return found


# --- What a line names --------------------------------------------------------------------


def test_a_nightly_line_names_one_minute_of_every_day() -> None:
    assert parse_cron("15 3 * * *") == Cron(
        line="",
        minutes=frozenset({15}),
        hours=frozenset({3}),
        days=EVERY_DAY,
        months=EVERY_MONTH,
        weekdays=EVERY_WEEKDAY,
        either_day=False,
    )


def test_lists_ranges_and_steps_add_up() -> None:
    cron = parse_cron("5,10-20/5,*/30 0-4/2 1,15 */6 *")

    assert cron.minutes == {0, 5, 10, 15, 20, 30}
    assert cron.hours == {0, 2, 4}
    assert cron.days == {1, 15}
    assert cron.months == {1, 7}


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("0", {0}),
        ("7", {0}),
        ("sun", {0}),
        ("MON-Fri", {1, 2, 3, 4, 5}),
        ("5-7", {5, 6, 0}),
        ("fri-sun", {5, 6, 0}),
        ("sun-tue", {0, 1, 2}),
        ("*/7", {0}),
        ("mon,wed", {1, 3}),
    ],
)
def test_sunday_is_0_and_7_and_has_a_name(text: str, weekdays: set[int]) -> None:
    assert parse_cron(f"0 0 * * {text}").weekdays == weekdays


def test_months_have_names() -> None:
    assert parse_cron("0 0 1 jan,Mar-may *").months == {1, 3, 4, 5}


@pytest.mark.parametrize(
    ("nickname", "line"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_a_nickname_means_its_line(nickname: str, line: str) -> None:
    assert parse_cron(nickname) == parse_cron(line)


def test_blanks_and_tabs_part_the_fields() -> None:
    assert parse_cron("  15\t3 *  * * ") == parse_cron("15 3 * * *")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "has 0 fields, not five"),
        ("15 3 * *", "has 4 fields"),
        ("0 15 3 * * *", "has 6 fields"),
        ("@reboot", "@reboot is not one of"),
        ("60 3 * * *", "minute: 60 is not within 0 to 59"),
        ("15 24 * * *", "hour: 24"),
        ("15 3 0 * *", "day of month: 0"),
        ("15 3 * 13 *", "month: 13"),
        ("15 3 * * 8", "day of week: 8"),
        ("15 3 * * funday", "day of week: 'funday' is not a number or a name such as sun"),
        ("mon 3 * * *", "minute: 'mon' is not a number"),
        ("20-10 3 * * *", "minute: the range '20-10' runs backwards"),
        ("15 3 * * fri-mon", "day of week: the range"),
        ("*/0 3 * * *", "minute: the step"),
        ("5/15 3 * * *", "minute: the step in '5/15' must follow"),
        ("*/x 3 * * *", "minute: the step"),
        (",5 3 * * *", "minute: '' is not a number"),
        ("-5 3 * * *", "minute: '' is not a number"),
        ("٣ 3 * * *", "minute: '٣' is not a number"),
        ("15 3 L * *", "day of month: 'l'"),
        ("15 3 30 2 *", "day of month: 30 does not exist in month 2"),
        ("15 3 31 4,6,9,11 *", "day of month: 31 does not exist"),
    ],
)
def test_a_line_that_is_none_is_refused_by_its_field(line: str, words: str) -> None:
    with pytest.raises(ValueError, match="^" + words.replace("*", r"\*")):
        parse_cron(line)


# --- Day of month and day of week ---------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 0 13 * fri", [1, 8, 13, 15, 22, 29]),
        ("0 0 13 * *", [13]),
        ("0 0 * * fri", [1, 8, 15, 22, 29]),
        ("0 0 */2 * fri", [1, 15, 29]),
    ],
    ids=["either", "day", "weekday", "both, as */2 starts with a star"],
)
def test_day_and_weekday_both_restricted_match_either(line: str, days: list[int]) -> None:
    found = slots(line, ZULU, after="2026-04-30T23:59", before="2026-06-01T00:00")

    assert [int(local[8:10]) for local, _ in found] == days


# --- Where clocks change ------------------------------------------------------------------


def test_a_time_that_clocks_skip_runs_once_after_the_skip_under_its_own_name() -> None:
    found = slots("30 2 * * *", BERLIN, after="2027-03-26T12:00", before="2027-03-29T12:00")

    assert found == [
        ("2027-03-27T02:30", "2027-03-27T01:30Z"),
        ("2027-03-28T02:30", "2027-03-28T01:30Z"),
        ("2027-03-29T02:30", "2027-03-29T00:30Z"),
    ]


def test_a_time_that_clocks_show_twice_runs_the_first_time_only() -> None:
    found = slots("30 2 * * *", BERLIN, after="2026-10-24T12:00", before="2026-10-26T12:00")

    assert found == [
        ("2026-10-25T02:30", "2026-10-25T00:30Z"),
        ("2026-10-26T02:30", "2026-10-26T01:30Z"),
    ]


def test_a_skipped_slot_that_falls_on_another_is_that_other() -> None:
    found = slots("30 2,3 * * *", BERLIN, after="2027-03-27T12:00", before="2027-03-28T12:00")

    assert found == [("2027-03-28T03:30", "2027-03-28T01:30Z")]


def test_a_skipped_slot_comes_after_a_later_one_that_is_not_skipped() -> None:
    found = slots("45 2 * * *", BERLIN, after="2027-03-27T12:00", before="2027-03-28T12:00")
    both = slots("0,45 2,3 * * *", BERLIN, after="2027-03-27T12:00", before="2027-03-28T12:00")

    assert found == [("2027-03-28T02:45", "2027-03-28T01:45Z")]
    assert [local for local, _ in both] == ["2027-03-28T03:00", "2027-03-28T03:45"]


def test_midnight_that_clocks_skip_is_not_lost() -> None:
    zone = ZoneInfo("America/Havana")

    found = slots("0 0 * * *", zone, after="2026-03-07T12:00", before="2026-03-09T12:00")

    assert found == [
        ("2026-03-08T00:00", "2026-03-08T05:00Z"),
        ("2026-03-09T00:00", "2026-03-09T04:00Z"),
    ]


def test_a_day_that_a_zone_left_out_joins_the_next() -> None:
    zone = ZoneInfo("Pacific/Apia")

    found = slots("15 3 * * *", zone, after="2011-12-29T00:00", before="2011-12-31T00:00")

    assert [local for local, _ in found] == ["2011-12-29T03:15", "2011-12-31T03:15"]


# --- Rare and long --------------------------------------------------------------------------


def test_the_29th_of_february_is_found_across_a_century_without_one() -> None:
    cron = parse_cron("0 0 29 2 *")

    assert next_due(cron, ZULU, utc("2096-03-01T00:00")) == Slot(
        "2104-02-29T00:00", utc("2104-02-29T00:00")
    )
    assert newest_due(cron, ZULU, utc("2104-02-28T00:00")) == Slot(
        "2096-02-29T00:00", utc("2096-02-29T00:00")
    )


def test_a_sunday_that_is_the_29th_of_february_is_found() -> None:
    slot = next_due(parse_cron("0 0 29 2 */7"), ZULU, utc("2026-01-01T00:00"))

    assert slot is not None
    assert slot.local == "2032-02-29T00:00"


def test_the_calendar_ends() -> None:
    cron = parse_cron("0 0 1 1 *")

    assert next_due(cron, ZULU, utc("9999-06-01T00:00")) is None
    assert newest_due(parse_cron("0 0 9 1 *"), ZULU, utc("0001-01-08T00:00")) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        next_due(parse_cron("@daily"), ZULU, datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_a_slot_is_due_at_its_very_instant_and_the_next_is_after_it() -> None:
    cron, at = parse_cron("15 3 * * *"), utc("2026-11-23T03:15")

    assert newest_due(cron, ZULU, at) == Slot("2026-11-23T03:15", at)
    assert newest_due(cron, ZULU, at - timedelta(microseconds=1)) == Slot(
        "2026-11-22T03:15", at - timedelta(days=1)
    )
    assert next_due(cron, ZULU, at) == Slot("2026-11-24T03:15", at + timedelta(days=1))


# --- What holds for every line ------------------------------------------------------------


@given(LINES, ZONES, TIMES)
def test_the_next_slot_is_ahead_and_is_the_newest_once_it_comes(
    line: str, zone: ZoneInfo, now: datetime
) -> None:
    cron = parse_cron(line)

    coming = next_due(cron, zone, now)

    assert coming is not None
    assert coming.at > now
    assert newest_due(cron, zone, coming.at) == coming


@given(LINES, ZONES, TIMES)
def test_nothing_lies_between_the_newest_and_the_next(
    line: str, zone: ZoneInfo, now: datetime
) -> None:
    cron = parse_cron(line)

    newest = newest_due(cron, zone, now)

    assert newest is not None
    assert newest.at <= now
    assert next_due(cron, zone, newest.at) == next_due(cron, zone, now)


@given(LINES, st.dates(date(2020, 1, 1), date(2032, 1, 1)))
def test_every_minute_of_a_day_in_utc_is_judged_as_by_hand(line: str, day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    minutes = [midnight + timedelta(minutes=minute) for minute in range(24 * 60)]
    end = minutes[-1]
    expected = [minute for minute in minutes if matches(line, minute)][:20]

    cron, now = parse_cron(line), midnight - timedelta(minutes=1)
    found: list[datetime] = []
    while (slot := next_due(cron, ZULU, now)) and slot.at <= end and len(found) < 20:
        found.append(slot.at)
        now = slot.at

    assert found == expected


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2027, 3, 28)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/Havana", date(2026, 3, 8)),
        ("America/Havana", date(2026, 11, 1)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),
        ("Pacific/Apia", date(2011, 12, 30)),
    ],
)
@pytest.mark.parametrize("line", ["*/20 * * * *", "50,10 0-3 * * *", "30 0,2 * * *", "0 0 * * *"])
def test_where_clocks_change_each_wall_time_has_its_one_instant(
    zone: str, day: date, line: str
) -> None:
    here = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=4)
    walls = (start.replace(tzinfo=here) + timedelta(minutes=m) for m in range(9 * 24 * 60))
    instants = sorted({wall.astimezone(UTC) for wall in walls if matches(line, wall)})
    inner = (start + timedelta(days=3, minutes=m) for m in range(0, 3 * 24 * 60, 10))
    cron = parse_cron(line)

    for now in inner:
        after = bisect_right(instants, now)
        assert (slot := next_due(cron, here, now))
        assert slot.at == instants[after]
        assert (slot := newest_due(cron, here, now))
        assert slot.at == instants[after - 1]


@given(ZONES, TIMES)
def test_a_line_of_every_day_has_each_local_date_once(zone: ZoneInfo, now: datetime) -> None:
    cron = parse_cron("30 2 * * *")
    found = []
    for _ in range(40):
        slot = next_due(cron, zone, now)
        assert slot is not None
        found.append(slot.local)
        now = slot.at

    dates = [date.fromisoformat(local[:10]) for local in found]
    gaps = {later - earlier for earlier, later in pairwise(dates)}
    assert gaps <= {timedelta(days=1)} or date(2011, 12, 31) in dates


def test_a_gap_names_what_had_no_run() -> None:
    nightly, berlin = parse_cron("15 3 * * *"), ZoneInfo("Europe/Berlin")
    after = datetime(2026, 3, 25, 2, 15, tzinfo=UTC)  # the 25th's own slot
    until = datetime(2026, 3, 30, 12, tzinfo=UTC)  # beyond the change to summer time

    assert gap(nightly, berlin, after=after, until=until) == Gap(
        5, "2026-03-26T03:15", "2026-03-30T03:15"
    )
    assert gap(nightly, berlin, after=after, until=after + timedelta(hours=1)) is None


def test_a_gap_of_years_is_not_counted_to_its_end() -> None:
    after, until = datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)

    found = gap(parse_cron("* * * * *"), ZoneInfo("UTC"), after=after, until=until)
    assert found == Gap(MOST_COUNTED, "2000-01-01T00:01", "2026-03-01T00:00")


def test_a_slot_is_found_again_by_its_name() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    slot = newest_due(parse_cron("15 3 * * *"), berlin, datetime(2026, 3, 30, 12, tzinfo=UTC))

    assert slot is not None
    assert slot_named(slot.local, berlin) == slot
