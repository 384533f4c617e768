"""The command messages: what was not delivered, and settling it by hand."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from auditor import app
from auditor.cli.console import print_text
from auditor.config import Settings
from auditor.errors import UsageError
from auditor.outbox import NO_MESSAGES, MessageInfo, MessageState, OutboxOverview
from auditor.protocols import Store
from auditor.records import NO_PRESENCE
from auditor.rendering.json import dump_json, encode_messages
from auditor.rendering.listings import render_messages
from auditor.rendering.words import count, name, times_in

_MOST_SHOWN = 100  # of each state
_BY_HAND = "dropped by hand"


def messages(args: argparse.Namespace) -> int:
    """List the newest messages that are not delivered, or drop or retry those that are named."""
    settings = app.load_settings(args.config, reads_secrets=False)
    if args.drop or args.retry:
        with app.open_existing_store(settings) as store:
            selected = _find_selected(store, args.drop or args.retry)
            done = _drop(store, selected) if args.drop else _retry(store, selected, settings)
            ids = [info.id for info in selected]
            counts = store.count_messages()
            outbox = OutboxOverview(counts=counts, newest=store.message_infos(ids))
    else:
        with app.open_store_if_present(settings, upgrade=None) as existing:
            outbox = existing.outbox_overview(most=_MOST_SHOWN) if existing else NO_MESSAGES
            presence = app.find_presence(existing) if existing else NO_PRESENCE
        with times_in(settings.reader_zone):
            done = render_messages(outbox, presence)
    print_text(dump_json(encode_messages(outbox)) if args.format == "json" else done)
    return 0


def _find_selected(store: Store, named: Iterable[int | str]) -> tuple[MessageInfo, ...]:
    """Return the messages that ids and states name.

    Raises:
        UsageError: an id is of no message, or of one that is delivered or dropped.
    """
    ids = [each for each in named if isinstance(each, int)]
    of_states = [
        number
        for state in (MessageState.QUEUED, MessageState.DEAD)
        if str(state) in named
        for number in store.message_ids(state)
    ]
    selected = store.message_infos(sorted({*ids, *of_states}))
    problems = list(_find_problems(ids, {info.id: info for info in selected}))
    if problems:
        raise UsageError("; ".join(problems))
    return selected


def _find_problems(ids: Iterable[int], stored: dict[int, MessageInfo]) -> Iterator[str]:
    for number in ids:
        info = stored.get(number)
        if info is None:
            yield f"there is no message {number}: `auditor messages` lists them"
        elif info.state is MessageState.DELIVERED:
            yield f"message {number} is delivered"
        elif info.state is MessageState.DROPPED:
            again = f"`auditor report {info.run_id} --send` mails its report again"
            yield f"message {number} is dropped, with its content: {again}"


def _drop(store: Store, selected: Iterable[MessageInfo]) -> str:
    dropped = store.drop_messages([info.id for info in selected], why=_BY_HAND)
    if not dropped:
        return "No message dropped: there is none in that state.\n"
    return (
        f"{count(dropped, 'message')} dropped. "
        "What no other message reports is in the next report.\n"
    )


def _retry(store: Store, selected: Iterable[MessageInfo], settings: Settings) -> str:
    recipients = app.list_recipients(settings)
    former = sorted(
        {name(info.recipient) for info in selected if info.recipient not in recipients}
    )
    if former:
        raise UsageError(f"no longer a recipient in the configuration: {', '.join(former)}")
    queued = store.requeue_messages([info.id for info in selected], now=app.now())
    if not queued:
        return "No message queued: there is none in that state.\n"
    return (
        f"{count(queued, 'message')} queued. "
        "The service tries them within a minute, and `auditor run` at once.\n"
    )
