"""Commands that read the history: history, runs, show and report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import app, review
from auditor.cli.comparison import load_version
from auditor.cli.console import print_parts, print_text
from auditor.cli.sending import NOBODY
from auditor.cli.terminal import find_layout, print_answer
from auditor.drift.block_kinds import kind_of
from auditor.drift.secrets import as_sent
from auditor.errors import UsageError
from auditor.model import RunInfo
from auditor.rendering import json as as_json
from auditor.rendering.words import join_first, times_in

if TYPE_CHECKING:  # SQLAlchemy is slow to import, and `--preview` needs no database
    from auditor.store.store import SqlStore

_RUNS_AT_ONCE = 100


def history(args: argparse.Namespace) -> int:
    """List the versions of a block, and the trainings between them, newest first."""
    from auditor.rendering.listings import render_history  # noqa: PLC0415

    target = review.parse_target(args.target)
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        versions = store.version_lines(target)
        approvals = store.approvals(target)
        acknowledgements = store.all_acknowledgements(target)
        retractions = store.retractions(target)
        trainings = store.past_trainings().get(target, ())
    if not versions:
        raise UsageError(f"no version of {target} is stored: `auditor status` lists all targets")
    if args.format == "json":
        document = as_json.encode_history(
            target,
            versions,
            approvals,
            acknowledgements=acknowledgements,
            retractions=retractions,
        )
        print_text(as_json.dump_json(document))
    else:
        with times_in(settings.reader_zone):
            text = render_history(
                versions,
                approvals,
                acknowledgements=acknowledgements,
                retractions=retractions,
                trainings=trainings,
                layout=find_layout(),
            )
        print_answer(text)
    return 0


def runs(args: argparse.Namespace) -> int:
    """List the runs, newest first."""
    from auditor.rendering.listings import render_runs  # noqa: PLC0415
    from auditor.rendering.verdict import line_of_run  # noqa: PLC0415

    settings = app.load_settings(args.config, reads_secrets=False)
    lines = []
    with app.open_store_if_present(settings, upgrade=None) as store:
        infos = _runs_of(store) if store else ()
        for start in range(0, len(infos), _RUNS_AT_ONCE):
            batch = infos[start : start + _RUNS_AT_ONCE]
            ids = [info.id for info in batch if info.id is not None]
            reports = {brief.run.id: brief for brief in store.brief_reports(ids)} if store else {}
            lines += [line_of_run(info, reports.get(info.id)) for info in batch]
    if args.format == "json":
        print_text(as_json.dump_json(as_json.encode_runs(lines)))
    else:
        with times_in(settings.reader_zone):
            print_answer(render_runs(lines, layout=find_layout()))
    return 0


def _runs_of(store: SqlStore) -> tuple[RunInfo, ...]:
    """Return every run, newest first; one that no process makes any more is abandoned."""
    last = app.find_last_run(store)
    return tuple(last if last and info.id == last.id else info for info in store.all_runs())


def show(args: argparse.Namespace) -> int:
    """Print a stored version as JSON, as Studio sent it, with secrets hidden."""
    reference = review.parse_reference(args.version)
    if reference is None:
        raise UsageError(f"{args.version!r} is not a version: write PROJECT/BLOCK[@WHEN]")
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        snapshot = load_version(reference, settings, store).snapshot
    of_listing = kind_of(snapshot.kind).listed_keys  # which no answer of the block has
    sent = {key: value for key, value in as_sent(snapshot).items() if key not in of_listing}
    print_text(as_json.dump_json(sent))
    return 0


def report(args: argparse.Namespace) -> int:
    """Print a stored report, mail it again, write every page again, or write sample mails."""
    if args.preview is not None:
        return _preview(args)
    if args.rebuild:
        return _rebuild(args)
    from auditor.cli.run import send_again  # noqa: PLC0415 - it imports the whole audit

    settings = app.load_settings(args.config, reads_secrets=args.send)
    if args.send and not settings.sends_reports:
        raise UsageError(NOBODY)
    with app.open_existing_store(settings) as store:
        stored = store.report(args.run)
        if stored is None:
            raise UsageError(_no_report(store, args.run))
        match args.format:
            case "json":
                print_parts(as_json.dump_report(stored))
            case "html":
                print_text(app.build_renderer(settings).page(stored))
            case _:
                print_answer(
                    app.build_renderer(settings).text(stored, page=app.find_page(settings, stored))
                )
        if not args.send:
            return 0
        return send_again(settings, store, stored)


def _no_report(store: SqlStore, run_id: int | None) -> str:
    """Return why a report cannot be printed, and which can."""
    runs = [run.id for run in store.all_runs() if run.id is not None]
    if not runs:
        return "no run is stored yet: `auditor run` makes the first"
    pruned = store.pruned_runs()
    left = [str(number) for number in runs if number not in pruned]
    if run_id in pruned or run_id is None:
        why = "the report of the last run" if run_id is None else f"the report of run {run_id}"
        why += " was pruned, as [retention] has it"
    else:
        why = f"there is no run {run_id}"
    return f"{why}; the runs with a report are {join_first(tuple(left))}" if left else why


def _rebuild(args: argparse.Namespace) -> int:
    if args.run is not None or args.send or args.format != "text":
        raise UsageError("--rebuild writes every page: use it without RUN and other options")
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store, store.run_lock():
        print_text(f"All pages were written: {app.rebuild_pages(settings, store)}")
    return 0


def _preview(args: argparse.Namespace) -> int:
    from auditor.demo.sample_mails import (  # noqa: PLC0415
        build_mail_builder,
        load_settings_if_any,
        write_sample_mails,
    )

    if args.send or args.run is not None:
        raise UsageError("--preview writes sample mails: use it without RUN and without --send")
    folder = Path(args.preview)
    try:
        builder = build_mail_builder(load_settings_if_any(args.config))
        index, *_ = write_sample_mails(folder, builder)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{folder} cannot be written: {reason}") from error
    print_text(f"Sample mails of every kind: {index}")
    return 0
