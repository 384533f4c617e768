"""The outbox drained: real stores, and a real mail server on loopback."""

from __future__ import annotations

import email
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Connection, ExceptionContext, NullPool, create_engine, event

from auditor.channels.router import Router
from auditor.channels.webhook import Webhook
from auditor.deliver import Delivery, deliver
from auditor.errors import StoreError
from auditor.mail import MimeComposer
from auditor.outbox import (
    MAX_ATTEMPTS,
    NO_MESSAGES,
    NO_RESULT,
    Message,
    MessageState,
    channel_recipient,
)
from auditor.publishing import MailContent, Mailer
from auditor.records import RunConclusions
from auditor.redaction import Secret
from auditor.smtp import SmtpMailer
from auditor.store.outbox import queue_messages
from auditor.store.store import SqlStore, open_database
from tests.chat_services import Post, Services, webhook
from tests.smtp_server import Answer, RawServer
from tests.store.examples import NIGHT, audited, changed, finding, first, opened, report
from tests.store.examples import message as bare_message
from tests.test_mail import Postbox, free_port, serving

SENDER = "auditor@example.org"
LATER = NIGHT + timedelta(minutes=1)
ROBOT, CHAT = channel_recipient("robot"), channel_recipient("chat")


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    with open_database(database_url, upgrade=False) as store:
        yield store


def composed(run_id: int, recipient: str) -> Message:
    """A message as a run queues it: whole, its Message-ID in its head."""
    message = bare_message(run_id, recipient)
    mailing = MailContent(subject="Drift", text="One change.\n", html="<p>One change.", headers={})
    message_id = f"<run-{run_id}.{recipient}>"
    content = MimeComposer(SENDER).compose(
        mailing, recipient="team@example.org", message_id=message_id, at=NIGHT
    )
    return replace(message, message_id=message_id, content=content)


def queue(store: SqlStore, *recipients: str) -> int:
    """Close a run that found something, with a message to each recipient; return its id."""
    audited(store, 0, first())
    run_id = opened(store, 1)
    store.save(run_id, [changed()], at=NIGHT)
    store.close_run(
        report(run_id),
        [composed(run_id, recipient) for recipient in recipients],
        carried=(),
        conclusions=RunConclusions(),
    )
    return run_id


def drain(
    store: SqlStore,
    mailer: Mailer,
    *,
    at: datetime = NIGHT,
    only_due: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery:
    return deliver(store, mailer, now=lambda: at, only_due=only_due, stopping=stopping)


class Writes:
    """Whether the store can write; it can read all the while."""

    def __init__(self, store: SqlStore, url: str) -> None:
        self._store = store
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self._other = self._engine.connect()
        if self._engine.dialect.name != "sqlite":
            event.listen(store.database.engine, "begin", _wait_briefly)

    def stop(self) -> None:
        """Have another program hold a lock that keeps writers out."""
        if self._engine.dialect.name == "sqlite":
            with self._store.database.reading() as connection:  # of the pool, which has only this
                connection.exec_driver_sql("PRAGMA busy_timeout = 1")
            self._other.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            self._other.exec_driver_sql("BEGIN")
            self._other.exec_driver_sql("LOCK TABLE message IN SHARE MODE")

    def resume(self) -> None:
        self._other.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        self._other.close()


def _wait_briefly(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL lock_timeout = '10ms'")


@pytest.fixture
def writes(store: SqlStore, database_url: str) -> Iterator[Writes]:
    control = Writes(store, database_url)
    yield control
    control.close()


@dataclass
class FailingDisk(Postbox):
    """Takes each message, and after it the database cannot be written."""

    writes: Writes | None = None

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        reply = await super().handle_DATA(server, session, envelope)
        if self.writes is not None:
            self.writes.stop()
        return reply


def sent(postbox: Postbox) -> list[tuple[str, str]]:
    """The recipient and the Message-ID of each message that the server took."""
    return [
        (envelope.rcpt_tos[0], email.message_from_bytes(envelope.original_content)["Message-ID"])
        for envelope in postbox.taken
        if envelope.original_content is not None
    ]


def test_each_message_is_handed_over_once(store: SqlStore) -> None:
    run_id = queue(store, "a@example.org", "b@example.org")
    with serving(postbox := Postbox()) as mailer:
        first_pass = drain(store, mailer)
        second_pass = drain(store, mailer)

    assert first_pass == Delivery(delivered=2)
    assert second_pass == Delivery()
    assert sent(postbox) == [
        (recipient, f"<run-{run_id}.{recipient}>")
        for recipient in ("a@example.org", "b@example.org")
    ]
    assert store.outbox_overview(most=9) == NO_MESSAGES


def test_a_delivered_message_tells_the_findings_of_its_run(store: SqlStore) -> None:
    queue(store, "a@example.org")
    with serving(Postbox()) as mailer:
        drain(store, mailer)

    assert store.unreported_findings(opened(store, 2)) == ()


def test_a_temporary_refusal_is_tried_again_a_minute_later(store: SqlStore) -> None:
    queue(store, "a@example.org")
    with serving(postbox := Postbox(refuse_recipient="450 greylisted")) as mailer:
        refused = drain(store, mailer)
        [message] = store.queued_messages(due_by=None)
        postbox.refuse_recipient = ""
        taken = drain(store, mailer, at=LATER, only_due=True)

    assert (refused, taken) == (Delivery(waiting=1), Delivery(delivered=1))
    assert not refused.is_complete
    assert (message.attempts, message.due_at) == (1, LATER)
    assert "450 greylisted" in message.last_error


def test_a_permanent_refusal_is_the_end_and_stays_on_show(store: SqlStore) -> None:
    queue(store, "a@example.org")
    with serving(postbox := Postbox(refuse_recipient="550 no such user")) as mailer:
        refused = drain(store, mailer)
        postbox.refuse_recipient = ""
        after = drain(store, mailer, at=LATER)

    [message] = store.outbox_overview(most=9).newest
    assert (refused, after) == (Delivery(dead=1), Delivery())
    assert (message.state, message.attempts) == (MessageState.DEAD, 1)
    assert "550 no such user" in message.last_error
    assert store.unreported_findings(opened(store, 2))[0].finding == finding()


def test_one_refused_recipient_keeps_nothing_from_the_next(store: SqlStore) -> None:
    queue(store, "not an address", "b@example.org")
    with serving(postbox := Postbox()) as mailer:
        came_to = drain(store, mailer)

    assert came_to == Delivery(delivered=1, dead=1)
    assert [recipient for recipient, _ in sent(postbox)] == ["b@example.org"]


def test_a_server_that_is_down_loses_nothing(store: SqlStore) -> None:
    queue(store, "a@example.org")
    nobody = SmtpMailer(host="127.0.0.1", port=free_port(), security="none", sender=SENDER)

    assert drain(store, nobody) == Delivery(waiting=1)
    with serving(postbox := Postbox()) as mailer:
        assert drain(store, mailer, at=LATER) == Delivery(delivered=1)
    assert len(sent(postbox)) == 1


def test_a_connection_lost_after_the_data_is_tried_again_under_the_same_message_id(
    store: SqlStore,
) -> None:
    queue(store, "a@example.org")
    with serving(postbox := Postbox(drop_after_data=True)) as mailer:
        lost = drain(store, mailer)
        postbox.drop_after_data = False
        taken = drain(store, mailer, at=LATER)

    once, again = sent(postbox)
    assert (lost, taken) == (Delivery(waiting=1), Delivery(delivered=1))
    assert once == again


def test_only_what_is_due_is_tried_where_only_that_is_asked_for(store: SqlStore) -> None:
    queue(store, "a@example.org")
    with serving(Postbox(refuse_data="451 later")) as mailer:
        drain(store, mailer)
    early = LATER - timedelta(microseconds=1)
    with serving(postbox := Postbox()) as mailer:
        assert drain(store, mailer, at=early, only_due=True) == Delivery()
        assert sent(postbox) == []
        assert drain(store, mailer, at=early) == Delivery(delivered=1)


def test_a_message_is_given_up_after_its_last_attempt(store: SqlStore) -> None:
    queue(store, "a@example.org")
    [message] = store.queued_messages(due_by=None)
    assert store.record(replace(message, attempts=MAX_ATTEMPTS - 1))
    with serving(Postbox(refuse_sender="421 going down")) as mailer:
        assert drain(store, mailer) == Delivery(dead=1)


def test_a_request_to_stop_leaves_the_rest_queued(store: SqlStore) -> None:
    queue(store, "a@example.org", "b@example.org", "c@example.org")
    with serving(postbox := Postbox()) as mailer:
        came_to = drain(store, mailer, stopping=lambda: len(postbox.taken) == 1)

    assert came_to == Delivery(delivered=1)
    assert [message.recipient for message in store.queued_messages(due_by=None)] == [
        "b@example.org",
        "c@example.org",
    ]


def test_every_decision_is_logged(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    queue(store, "not an address", "b@example.org")
    with caplog.at_level("INFO", logger="auditor.deliver"), serving(Postbox()) as mailer:
        drain(store, mailer)

    said = [(record.levelname, record.recipient) for record in caplog.records]  # type: ignore[attr-defined] # an extra
    assert said == [("ERROR", "not an address"), ("INFO", "b@example.org")]


def test_nothing_is_sent_while_its_attempt_cannot_be_recorded(
    store: SqlStore, writes: Writes
) -> None:
    queue(store, "a@example.org", "b@example.org")
    writes.stop()
    with serving(postbox := Postbox()) as mailer:
        for minute in range(3):
            with pytest.raises(StoreError):
                drain(store, mailer, at=NIGHT + timedelta(minutes=minute), only_due=True)
        assert sent(postbox) == []
        writes.resume()
        assert drain(store, mailer, at=NIGHT + timedelta(minutes=3)) == Delivery(delivered=2)

    assert [recipient for recipient, _ in sent(postbox)] == ["a@example.org", "b@example.org"]


def test_a_message_whose_result_cannot_be_recorded_is_not_sent_each_minute(
    store: SqlStore, writes: Writes
) -> None:
    queue(store, "a@example.org", "b@example.org")
    with serving(postbox := FailingDisk(writes=writes)) as mailer:
        with pytest.raises(StoreError):
            drain(store, mailer, only_due=True)
        for minute in range(1, 4):
            with pytest.raises(StoreError):
                drain(store, mailer, at=NIGHT + timedelta(minutes=minute), only_due=True)
        assert len(sent(postbox)) == 1
        [waiting, _] = store.queued_messages(due_by=None)
        writes.resume()
        postbox.writes = None
        assert drain(store, mailer, at=NIGHT, only_due=True) == Delivery(delivered=1)
        assert drain(store, mailer, at=LATER, only_due=True) == Delivery(delivered=1)

    assert (waiting.attempts, waiting.due_at, waiting.last_error) == (1, LATER, NO_RESULT)
    first_id, other_id, again_id = (message_id for _, message_id in sent(postbox))
    assert first_id == again_id != other_id


def test_a_message_that_was_settled_by_another_process_is_not_sent(store: SqlStore) -> None:
    queue(store, "a@example.org", "b@example.org")
    with serving(postbox := Postbox()) as mailer:

        def settle_the_second() -> bool:
            if len(postbox.taken) == 1:
                *_, message = store.queued_messages(due_by=None)
                store.record(replace(message, state=MessageState.DEAD))
            return False

        assert drain(store, mailer, stopping=settle_the_second) == Delivery(delivered=1)

    assert [recipient for recipient, _ in sent(postbox)] == ["a@example.org"]


def test_an_answer_that_makes_no_sense_costs_one_attempt_of_each_message(store: SqlStore) -> None:
    queue(store, "a@example.org", "b@example.org")
    answers: dict[str, Answer] = {"EHLO": "250-raw\r\n250 AUTH PLAIN", "AUTH": "334 ok"}
    with RawServer(answers) as server:
        odd = SmtpMailer(
            host="127.0.0.1",
            port=server.port,
            security="none",
            sender=SENDER,
            username="auditor",
            password=Secret("not-used-0"),
        )
        assert drain(store, odd) == Delivery(waiting=2)

    messages = [*store.queued_messages(due_by=None)]
    assert [message.attempts for message in messages] == [1, 1]
    assert all("at AUTH; Error" in message.last_error for message in messages)


class Broken:
    """A mailer with a defect that one message meets."""

    def __init__(self, mailer: SmtpMailer) -> None:
        self._mailer = mailer

    def send(self, message: Message) -> None:
        if message.recipient == "a@example.org":
            raise ZeroDivisionError("by 0")
        self._mailer.send(message)


def test_a_defect_that_one_message_meets_keeps_nothing_from_the_next(store: SqlStore) -> None:
    queue(store, "a@example.org", "b@example.org")
    with serving(Postbox()) as mailer:
        came_to = deliver(store, Broken(mailer), now=lambda: NIGHT, only_due=True)

    [message] = store.queued_messages(due_by=None)
    assert came_to == Delivery(delivered=1, waiting=1)
    assert (message.attempts, message.due_at) == (1, LATER)
    assert "ZeroDivisionError: by 0" in message.last_error


def router(mail: Mailer | None = None, **channels: Services) -> Router:
    hooks = {
        name: Webhook(name=name, url=Secret(services.url)) for name, services in channels.items()
    }
    return Router(mail=mail, channels=hooks)


def test_a_channel_that_does_not_take_it_is_tried_again_under_the_same_id_after_growing_waits(
    store: SqlStore,
) -> None:
    queue(store, ROBOT)
    waits = []
    with webhook() as services:
        services.answers = [429, 307, 503]
        at = NIGHT
        for _ in services.answers.copy():
            assert drain(store, router(robot=services), at=at, only_due=True).waiting == 1
            [waiting] = store.queued_messages(due_by=None)
            waits.append(waiting.due_at - at)
            at = waiting.due_at
        taken = drain(store, router(robot=services), at=at, only_due=True)

    assert waits == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert taken == Delivery(delivered=1)
    assert len({post.headers["x-auditor-delivery"] for post in services.posts}) == 1
    assert store.unreported_findings(opened(store, 2)) == ()


def test_a_refusal_of_a_channel_leaves_its_findings_to_the_next_report(store: SqlStore) -> None:
    queue(store, ROBOT)
    with webhook() as services:
        services.answers = [404]
        assert drain(store, router(robot=services)) == Delivery(dead=1)

    [dead] = store.outbox_overview(most=9).newest
    assert dead.last_error.startswith("channel robot: the service answered 404 (Not Found)")
    assert store.unreported_findings(opened(store, 2))[0].finding == finding()


def test_a_channel_that_hangs_holds_back_neither_mail_nor_another_channel(
    store: SqlStore,
) -> None:
    run_id = queue(store, ROBOT)
    asked = 0

    def now() -> datetime:
        """Queue the others once the robot hangs, and let it answer once they are taken."""
        nonlocal asked
        asked += 1
        if robot.on_post.is_set() and asked > 2 and not store.message_infos([2]):
            others = [composed(run_id, recipient) for recipient in (CHAT, "a@example.org")]
            with store.database.writing() as connection:
                queue_messages(connection, others)
        if chat.taken and postbox.taken:
            robot.gate.set()
        return NIGHT

    with webhook() as robot, webhook() as chat, serving(postbox := Postbox()) as mailer:
        robot.gate.clear()
        routed = router(mailer, robot=robot, chat=chat)
        assert deliver(store, routed, now=now, only_due=True) == Delivery(delivered=3)


class Recovering(Services):
    """Answers once the database has failed, and can be written again."""

    def __init__(self, writes: Writes) -> None:
        super().__init__()
        self.failed, self._writes = threading.Event(), writes

    def answer(self, post: Post) -> tuple[int, str]:
        self.failed.wait(60)
        self._writes.resume()
        return super().answer(post)


def test_a_result_that_cannot_be_stored_costs_none_of_another_channel(
    store: SqlStore, writes: Writes
) -> None:
    queue(store, ROBOT, "a@example.org")
    recovering = Recovering(writes)

    def note(context: ExceptionContext) -> None:
        del context
        recovering.failed.set()

    event.listen(store.database.engine, "handle_error", note)
    with (
        webhook(recovering) as robot,
        serving(FailingDisk(writes=writes)) as mailer,
        pytest.raises(StoreError),
    ):
        drain(store, router(mailer, robot=robot))

    [waiting] = store.queued_messages(due_by=None)
    assert (waiting.recipient, waiting.last_error) == ("a@example.org", NO_RESULT)
