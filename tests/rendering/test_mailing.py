from __future__ import annotations

import binascii
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from auditor.demo.sample_reports import weekly_digest
from auditor.drift.rules import TargetScope
from auditor.drift.subscriptions import Subscription, select_part
from auditor.model import (
    Area,
    ConditionKind,
    Interval,
    Kind,
    ModelState,
    NoticeKind,
    Owner,
    Severity,
    TargetId,
    TargetState,
)
from auditor.publishing import MailContent
from auditor.rendering.html import HtmlRenderer
from auditor.rendering.mailing import MOST_HTML_BYTES
from auditor.rendering.site import link_below
from auditor.rendering.words import harmless
from auditor.report import Notice, Report, TargetReport
from tests.rendering.samples import (
    HOSTILE,
    NIGHTS,
    PAGE,
    STARTED,
    TEMPLATES,
    block,
    condition,
    drift,
    finding,
    flood_alike,
    hostile,
    renderer,
    report,
    unread,
    vendor,
)

DARK = "@media (prefers-color-scheme: dark)"


class Elements(HTMLParser):
    """Collects the elements and the text of a page as a browser reads it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def drifted(number: int, severity: Severity = Severity.HIGH) -> TargetReport:
    change = finding(
        Area.LAYERS,
        f"visualLayers[{number}].neurons",
        8,
        12 + number,
        severity=severity,
        headline=f"Neurons of layer {number}: 8 → {12 + number}",
    )
    return block(number % 20, number, state=TargetState.DRIFTED, findings=(change,))


def crowd() -> Report:
    """Return a run in which 500 blocks drifted, the worst one last."""
    return report(*map(drifted, range(499)), drifted(499, Severity.CRITICAL))


@cache
def crowd_mail(*, attaches: bool = True) -> MailContent:
    """Return the mail of the crowd, which takes a second to make."""
    return replace(renderer(), attaches=attaches).mail_content(crowd(), page=PAGE)


def ids_in(text: str) -> set[str]:
    """Return the ids that a text names as such."""
    return set(re.findall(r"\bid\s+([0-9a-f]{16})\b", text))


def flood() -> Report:
    """Return a run that is long in every section, all of it in long words."""
    long = "語" * 400
    blocks = [
        [
            unread(n, 1, "timeout", f"{n} {long}", name=long),
            block(n, 2, name=long, project=long, state=TargetState.NEW),
            block(n, 3, name=long, project=long, state=TargetState.MISSING, is_news=True),
        ]
        for n in range(300)
    ]
    return report(*(target for three in blocks for target in three), *map(drifted, range(300)))


@pytest.mark.parametrize("night", [crowd, flood, *NIGHTS.values()])
def test_the_html_stays_below_what_mail_programs_clip(night: Callable[[], Report]) -> None:
    html = renderer().mail_content(night(), page=PAGE).html

    assert len(binascii.b2a_qp(html.encode())) <= MOST_HTML_BYTES


def test_a_mail_that_is_cut_shows_the_worst_and_says_where_the_rest_lies() -> None:
    mailing = crowd_mail()

    kept = mailing.html.count("default:layers")
    assert 1 <= kept < 500
    assert "[CRITICAL] Neurons of layer 499: 8 → 511" in mailing.text
    assert f"Details of {500 - kept} more in the full report." in mailing.html
    assert "It is attached as run-000007.html; also in the folder of reports." in mailing.html
    assert mailing.text.count("default:layers") == 500
    assert mailing.attachment is not None
    assert mailing.attachment.content.decode() == renderer().page(crowd())


@pytest.mark.parametrize("attaches", [True, False])
def test_a_mail_that_was_cut_names_every_finding_in_its_text_and_in_its_short_form(
    attaches: bool,
) -> None:
    mailing = crowd_mail(attaches=attaches)

    assert (mailing.attachment is not None) is attaches
    every = {found.id for target in crowd().targets for found in target.findings}
    assert every <= ids_in(mailing.text)
    assert every <= ids_in(mailing.summary)
    assert len(mailing.summary) < 100_000


def test_the_page_holds_what_the_mail_cut() -> None:
    page = renderer().page(crowd())

    assert page.count("default:layers") == 500
    assert "more in the full report" not in page


@pytest.mark.parametrize("night", NIGHTS)
def test_no_line_of_the_plain_text_is_wider_than_72_columns(night: str) -> None:
    lines = renderer().mail_content(NIGHTS[night](), page=PAGE).text.splitlines()

    assert max(map(len, lines)) <= 72


def test_every_finding_is_in_both_parts() -> None:
    night = NIGHTS["drift"]()

    mailing = renderer().mail_content(night, page=PAGE)

    page = flat(Elements(mailing.html).text)
    for target in night.targets:
        for change in target.findings:
            assert change.headline in page
            assert change.headline in flat(mailing.text)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_hostile_names_add_no_element_and_no_line() -> None:
    mailing = renderer().mail_content(hostile(), page=PAGE)

    elements = Elements(mailing.html)
    assert not {"img", "script", "iframe", "link"} & {tag for tag, _ in elements.tags}
    assert harmless(HOSTILE) in flat(elements.text)
    assert not re.search(r"^\s*Bcc:.*\n$", mailing.subject)
    assert all(line.isprintable() for line in mailing.text.splitlines())
    assert all(line.isprintable() for line in mailing.html.splitlines())
    assert all(value.isprintable() for value in mailing.headers.values())


@pytest.mark.parametrize("night", NIGHTS)
def test_the_html_loads_nothing_and_runs_nothing(night: str) -> None:
    for tag, attributes in Elements(renderer().mail_content(NIGHTS[night](), page=PAGE).html).tags:
        assert tag not in {"script", "img", "link", "iframe", "object", "form"}
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert "url(" not in (attributes.get("style") or "")


def test_links_are_made_of_ids_only() -> None:
    links = [
        a["href"]
        for tag, a in Elements(renderer().mail_content(hostile(), page=PAGE).html).tags
        if tag == "a"
    ]

    assert links == ["https://studio.edgeimpulse.com/studio/1/learning/keras/3"]


def test_styles_stand_on_the_elements_and_dark_mode_stays() -> None:
    html = renderer().mail_content(NIGHTS["drift"](), page=PAGE).html

    assert html.count('style="') > 50
    assert "prefers-color-scheme" in html
    assert '<meta name="color-scheme" content="light dark">' in html


def test_a_coverage_header_tells_what_was_checked() -> None:
    headers = renderer().mail_content(NIGHTS["incomplete"](), page=PAGE).headers

    assert headers["X-EI-Drift-Coverage"] == "2/5"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "Precedence" not in headers


def css(*, dark: bool) -> str:
    text = (TEMPLATES / "style.css").read_text()
    light, _, rest = text.partition("@media")
    return textwrap.dedent(rest.partition(DARK.removeprefix("@media"))[2]) if dark else light


def rules(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        pairs = (part.split(":", 1) for part in body.split(";") if ":" in part)
        values = {key.strip(): value.replace("!important", "").strip() for key, value in pairs}
        yield selector.strip(), values


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_colour_can_be_read_on_its_background(dark: bool) -> None:
    """WCAG 2.2 AA, section 1.4.3: 4.5 to 1 for text."""
    every = list(rules(css(dark=dark)))
    grounds = {
        values["background-color"]
        for selector, values in every
        if "background-color" in values
        and {".outer", ".card"} & set(re.split(r"[,\s]+", selector))
    }

    assert len(grounds) == 2
    for selector, values in every:
        own = values.get("background-color")
        for ground in [own] if own else grounds:
            if "color" in values and ground is not None:
                assert contrast(values["color"], ground) >= 4.5, selector


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_banner_can_be_read_on_every_tint(dark: bool) -> None:
    every = dict(rules(css(dark=dark)))
    text = next(v["color"] for s, v in every.items() if ".sentence" in s and "color" in v)

    for tint in (".critical", ".high", ".medium", ".low", ".ok"):
        assert contrast(text, every[tint]["background-color"]) >= 4.5, tint


def test_a_mail_links_to_the_pages_of_the_run_and_of_its_blocks() -> None:
    site = "https://drift.example.org/"
    own = renderer()
    linked = replace(
        own,
        pages=HtmlRenderer(TEMPLATES, link_below(site)),
        footer=replace(own.footer, site=site),
    )

    mailing = linked.mail_content(NIGHTS["drift"](), page=PAGE)

    links = {a["href"] for tag, a in Elements(mailing.html).tags if tag == "a"}
    for address in (f"{site}run-000007.html", f"{site}targets/1/3.html"):
        assert address in links
        assert address in mailing.text
    assert "/var/lib" not in mailing.html + mailing.text + mailing.summary
    long = linked.mail_content(crowd(), page=PAGE).html
    assert f'<a href="{site}run-000007.html"' in long


@pytest.mark.parametrize("night", NIGHTS.values())
def test_a_mail_names_no_path_of_the_server(night: Callable[[], Report]) -> None:
    mailing = renderer().mail_content(night(), page=PAGE)

    assert "/var/lib" not in mailing.html + mailing.text + mailing.summary


def test_times_are_in_the_zone_of_the_readers_with_its_name() -> None:
    own = renderer()
    in_berlin = replace(own, footer=replace(own.footer, zone=ZoneInfo("Europe/Berlin")))
    in_dubai = replace(own, footer=replace(own.footer, zone=ZoneInfo("Asia/Dubai")))

    mailing = in_berlin.mail_content(NIGHTS["drift"](), page=PAGE)

    assert "between 2026-11-22 04:15 and 2026-11-23 04:15 CET" in flat(mailing.text)
    assert "2026-11-23 07:15 UTC+04" in in_dubai.mail_content(NIGHTS["quiet"](), page=PAGE).text


def test_500_findings_all_have_their_line_in_the_html() -> None:
    page = flat(Elements(crowd_mail().html).text)
    for target in crowd().targets:
        assert target.findings[0].headline in page
        assert f"({target.target})" in page or f"· {target.target}" in page


def test_the_same_change_on_many_blocks_is_one_entry_that_lists_them() -> None:
    mailing = renderer().mail_content(flood_alike(), page=PAGE)

    page = flat(Elements(mailing.html).text)
    assert page.count("Minimum confidence: 0.6 → 0.7") == 2  # the worst is in the lead, too
    assert "The same change on 500 blocks in 20 projects" in page
    assert mailing.attachment is None
    for target in flood_alike().targets:
        assert re.search(rf"\b{target.target}\b", page)
        assert target.findings[0].id in mailing.text


def test_two_blocks_with_the_same_change_keep_an_entry_each() -> None:
    mailing = renderer().mail_content(report(*flood_alike().targets[:2]), page=PAGE)

    assert "The same change" not in mailing.text
    assert mailing.text.count("restore: ") == 2


def test_a_worse_change_of_a_single_block_comes_before_one_of_many() -> None:
    worst = drifted(3, Severity.CRITICAL)

    text = renderer().mail_content(report(*flood_alike().targets[:5], worst), page=PAGE).text

    assert text.index("[CRITICAL] Neurons") < text.index("The same change on 5 blocks")


def test_the_text_of_a_flood_stays_below_a_megabyte_and_names_everything() -> None:
    blocks = tuple(drifted(number) for number in range(1_500))

    text = renderer().mail_content(report(*blocks), page=PAGE).text

    assert len(text.encode()) < 1_000_000
    assert {target.findings[0].id for target in blocks} <= ids_in(text)


def test_blocks_whose_samples_alone_changed_stand_below_what_is_open() -> None:
    few = finding(Area.DATA, "dependencies.sampleCount", 9, 12, owner=Owner.DATASET)
    lost = finding(Area.DATA, "dependencies.classes", ["a"], ["b"], owner=Owner.DATASET)
    few = replace(few, severity=Severity.LOW, headline="Samples: 9 → 12")
    stale = condition(ConditionKind.STALE, TargetId(1, 3), Severity.HIGH, "Model is stale")
    night = report(
        block(1, 3, state=TargetState.DRIFTED, findings=(lost, few)),
        block(1, 4, state=TargetState.DRIFTED, findings=(few,)),
        open=(stale,),
    )

    text = renderer().mail_content(night, page=PAGE).text

    order = ["\nCHANGES", "(1/3, ", "[HIGH]", "[LOW]", "\nOPEN", "\nDATASET", "(1/4, "]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert text.count("Pump / Motion classifier 3 (1/3, keras)") == 1


def test_a_rule_that_broke_and_is_open_is_named_once() -> None:
    words = "Rule “a sane score” is broken: thresholds[min_score].value is 0.7"
    notice = Notice(kind=NoticeKind.RULE_BROKEN, text=words, target=TargetId(1, 3))
    broken = condition(ConditionKind.RULE_BROKEN, TargetId(1, 3), Severity.HIGH, words)

    text = flat(
        renderer()
        .mail_content(report(block(1, 3), notices=(notice,), open=(broken,)), page=PAGE)
        .text
    )

    assert f"OPEN CONDITIONS {'-' * 72} * Pump / Motion classifier 3 (1/3): high: {words}" in text
    assert "RULES AND NOTICES" not in text


def test_a_missing_block_that_is_open_is_named_once() -> None:
    is_open = condition(ConditionKind.MISSING, TargetId(1, 8), Severity.HIGH, "Block is missing")
    valve = block(1, 8, name="Valve", state=TargetState.MISSING, is_news=True)

    text = renderer().mail_content(report(block(1, 3), valve, open=(is_open,)), page=PAGE).text

    assert text.count("Valve (1/8)") == 1


def test_rewordings_of_the_vendor_are_one_line() -> None:
    reworded = [
        replace(
            vendor(),
            id=f"reworded {number}",
            kind=Kind.CHANGED,
            path=f"transferLearningModels[model_{number}].description",
            before="old",
            after=f"new {number}",
            targets=41,
        )
        for number in range(12)
    ]

    mailing = renderer().mail_content(report(block(1, 3), catalogue=tuple(reworded)), page=PAGE)

    assert "12 descriptions reworded (41 blocks)" in flat(mailing.text)
    assert flat(Elements(mailing.html).text).count("reworded") == 1


def test_the_first_report_has_no_row_of_zeros() -> None:
    mailing = renderer().mail_content(NIGHTS["first-night"](), page=PAGE)

    assert "0 critical" not in mailing.text
    assert "4 recorded | 0 not checked" in mailing.text


def test_the_first_report_tells_blocks_of_one_name_apart_and_says_where_all_are_listed() -> None:
    new = [block(1, number, state=TargetState.NEW, name="Classifier") for number in (3, 4)]
    new += [block(1, number, state=TargetState.NEW, name=f"B{number}") for number in range(5, 25)]
    first = renderer().mail_content(report(*new, previous_run_id=None), page=PAGE)
    words = flat(first.text)

    assert "22 blocks: Classifier (1/3), Classifier (1/4), B5, B6, " in words
    assert "B22 and 2 more; `auditor status` lists all" in words


def test_without_a_page_the_mail_says_so_and_has_no_link() -> None:
    linking = replace(renderer(), footer=replace(renderer().footer, site="https://drift.example/"))
    with_page = linking.mail_content(NIGHTS["drift"](), page=PAGE)
    without = linking.mail_content(NIGHTS["drift"](), page="")

    assert "https://drift.example/" in with_page.text
    for form in (without.text, without.summary, without.html):
        assert "https://drift.example/" not in form
        assert "could not be written, so this mail links to no page" in flat(form)


def test_what_is_open_is_said_once() -> None:
    text = flat(renderer().mail_content(NIGHTS["open-conditions"](), page=PAGE).text)

    assert text.count("“a sane score”") == 1
    assert "| 2 open |" in text


def test_a_stale_model_that_is_open_is_said_once_with_its_two_polls() -> None:
    since = Interval(STARTED - timedelta(days=2), STARTED - timedelta(days=1))
    stale = block(1, 3, model_state=ModelState.STALE, model_since=since)
    is_stale = condition(
        ConditionKind.STALE, TargetId(1, 3), Severity.HIGH, "Model is stale", days=1
    )

    text = renderer().mail_content(report(stale, open=(is_stale,)), page=PAGE).text

    assert "MODEL STATE" not in text
    assert (
        "high: Model is stale; since 2026-11-22 03:15 UTC: it became stale between "
        "2026-11-21 03:15 and 2026-11-22 03:15 UTC"
    ) in flat(text)


def test_many_blocks_with_the_same_change_are_listed_by_project() -> None:
    mailing = renderer().mail_content(flood_alike(), page=PAGE)

    assert "Wake word: 2/1, 2/21, 2/41" in flat(mailing.text)
    assert "Wake word: 2/1, 2/21, 2/41" in flat(Elements(mailing.html).text)


def test_blocks_that_were_not_checked_for_one_reason_are_one_entry_with_their_ids() -> None:
    last = STARTED - timedelta(days=1)
    unread_blocks = [
        unread(1, number, "timeout", "Studio did not answer", last_good_at=last)
        for number in (3, 4, 5)
    ]
    lost = unread(1, 6, "timeout", "Studio did not answer", last_good_at=None)
    mailing = renderer().mail_content(report(*unread_blocks, lost), page=PAGE)

    for form in (mailing.text, Elements(mailing.html).text):
        assert flat(form).count("last read 2026-11-22 03:15 UTC") == 1
        assert flat(form).count("never read so far") == 1
        for number in (3, 4, 5, 6):
            assert f"1/{number}" in form


def part_of_pump(whole: Report) -> Report:
    scope = TargetScope(projects=frozenset({1}))
    found = select_part(whole, Subscription(recipient="pump@example.org", scope=scope))
    assert found is not None
    return found


@pytest.mark.parametrize("night", [drift, flood_alike, crowd])
def test_the_mail_of_a_part_has_nothing_of_the_rest(night: Callable[[], Report]) -> None:
    site = "https://drift.example.org/"
    own = renderer()
    of_parts = replace(
        own,
        pages=HtmlRenderer(TEMPLATES, link_below(site)),
        footer=replace(own.footer, site=site),
        is_for_parts=True,
    )
    whole = night()
    part = part_of_pump(whole)
    mailing = of_parts.mail_content(part, page=PAGE)

    mine = {target.target for target in part.targets}
    rest = [target for target in whole.targets if target.target not in mine]
    attached = mailing.attachment.content.decode() if mailing.attachment else ""
    headers = " ".join(mailing.headers.values())
    parts = [mailing.subject, headers, mailing.text, mailing.summary, mailing.html, attached]
    everything = "\n".join(parts)
    named = set(re.findall(r"\b(?=(\d+/\d+)\b)", everything))
    assert rest
    assert named & {str(target) for target in mine}
    for target in rest:
        assert str(target.target) not in named
        assert f"{target.target.project_id}/{target.target.learn_id}.html" not in everything
        assert target.project not in everything
        for found in target.findings:
            assert found.id not in everything or found.id in own.text(part)
    assert "run-000007.html" not in everything
    assert headers.endswith(f"{len(mine)}/{len(mine)}")
    assert f"{site}targets/1/" in mailing.html
    assert "could not be written" not in mailing.text


def test_a_digest_leads_to_no_page_of_a_run_and_has_its_own_attached() -> None:
    digest = weekly_digest().digest
    small = renderer().mail_content(weekly_digest(), page=PAGE)
    large = renderer().mail_content(replace(crowd(), digest=digest), page=PAGE)

    assert "run-000007.html" not in small.text + small.html
    assert small.attachment is None
    assert large.attachment is not None
    assert large.attachment.name.startswith("digest-000007.html")
    assert large.subject.startswith("[EI drift] week: ")
