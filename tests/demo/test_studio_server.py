from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from auditor.demo.faults import Fault
from auditor.demo.studio_server import BuiltInStudio, sample_blocks
from auditor.model import TargetId
from tests.simulated_studio import SimulatedStudio

PUMP, FAN = TargetId(101, 3), TargetId(102, 3)
KERAS = "/v1/api/101/training/keras/3"


@pytest.fixture
def studio() -> Iterator[SimulatedStudio]:
    with SimulatedStudio(jwt="user's token") as studio:
        studio.add_project(101, name="Pump", api_key="key of pump")
        studio.add_project(102, name="Fan", api_key="key of fan")
        studio.put(PUMP, sample_blocks()["keras"])
        yield studio


class Connection:
    """One kept-alive connection of the standard library's client."""

    def __init__(self, studio: SimulatedStudio) -> None:
        port = int(studio.base_url.rpartition(":")[2].partition("/")[0])
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, path: str, headers: dict[str, str], method: str = "GET") -> Any:  # noqa: ANN401
        self.http.request(method, path, headers=headers)
        response = self.http.getresponse()
        return json.loads(response.read())


@pytest.fixture
def connection(studio: SimulatedStudio) -> Iterator[Connection]:
    connection = Connection(studio)
    yield connection
    connection.http.close()


KEY = {"X-API-Key": "key of pump"}


def test_the_samples_are_nine_and_answers() -> None:
    assert len(sample_blocks()) == 9
    assert all(answer["success"] is True for answer in sample_blocks().values())


def test_it_serves_what_was_put(studio: SimulatedStudio, connection: Connection) -> None:
    assert studio.base_url.endswith("/v1")
    assert connection.ask(KERAS, KEY) == sample_blocks()["keras"]


def test_a_connection_is_kept_alive(studio: SimulatedStudio, connection: Connection) -> None:
    connection.ask(KERAS, KEY)
    first = connection.http.sock
    connection.ask(KERAS, KEY)

    assert connection.http.sock is first
    assert len(studio.requests) == 2


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"x-api-key": "wrong"}, id="wrong"),
        pytest.param({"x-api-key": "key of fan"}, id="of another project"),
        pytest.param({"x-jwt-token": "key of pump"}, id="in the wrong header"),
    ],
)
@pytest.mark.parametrize("path", [KERAS, "/v1/api/101/impulses"])
def test_a_key_that_is_not_the_project_s_is_refused_with_status_200(
    connection: Connection, path: str, headers: dict[str, str]
) -> None:
    assert connection.ask(path, headers) == {"success": False, "error": "Invalid API key"}


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (KEY, ["Pump"]),
        ({"x-jwt-token": "user's token"}, ["Pump", "Fan"]),
        ({"cookie": "jwt=user's token"}, ["Pump", "Fan"]),
    ],
)
def test_projects_are_those_that_the_credential_sees(
    connection: Connection, headers: dict[str, str], names: list[str]
) -> None:
    listing = connection.ask("/v1/api/projects", headers)

    assert [project["name"] for project in listing["projects"]] == names


def test_a_block_can_be_edited_replaced_and_removed(
    studio: SimulatedStudio, connection: Connection
) -> None:
    studio.edit(PUMP, lambda answer: answer.update(trainingCycles=7))
    assert connection.ask(KERAS, KEY)["trainingCycles"] == 7

    studio.put(PUMP, sample_blocks()["keras-regression"])
    assert connection.ask(KERAS, KEY)["type"] == "keras-regression"

    studio.remove(PUMP)
    assert connection.ask(KERAS, KEY)["success"] is False
    assert connection.ask("/v1/api/101/impulses", KEY)["impulses"][0]["learnBlocks"] == []


def test_what_was_put_is_a_copy(studio: SimulatedStudio) -> None:
    mine = sample_blocks()["keras"]
    studio.put(FAN, mine)

    studio.edit(FAN, lambda answer: answer["dependencies"].update(sampleCount=0))

    assert mine == sample_blocks()["keras"]
    assert studio.answer(FAN) != mine


def test_an_impulse_lists_every_block_and_getkeras_not_each(
    studio: SimulatedStudio, connection: Connection
) -> None:
    studio.put(TargetId(101, 8), {"type": "anomaly", "name": "K-means"}, impulses=(1, 2))

    listing = connection.ask("/v1/api/101/impulses", KEY)

    members = [[b["id"] for b in impulse["learnBlocks"]] for impulse in listing["impulses"]]
    assert members == [[3, 8], [8]]
    assert connection.ask("/v1/api/101/training/keras/8", KEY)["success"] is False


def test_a_project_can_be_renamed_and_its_key_changed(
    studio: SimulatedStudio, connection: Connection
) -> None:
    studio.rename_project(101, "Pump B")
    studio.change_key(101, "rotated")

    assert connection.ask(KERAS, KEY)["error"] == "Invalid API key"
    listing = connection.ask("/v1/api/projects", {"x-api-key": "rotated"})
    assert listing["projects"] == [{"id": 101, "name": "Pump B"}]


def test_a_fault_strikes_its_target_so_many_times(
    studio: SimulatedStudio, connection: Connection
) -> None:
    studio.put(TargetId(101, 4), sample_blocks()["keras"])
    studio.fail(Fault.REFUSED, target=PUMP, times=1)

    assert connection.ask("/v1/api/101/training/keras/4", KEY)["success"] is True
    assert connection.ask(KERAS, KEY)["success"] is False
    assert connection.ask(KERAS, KEY)["success"] is True


def test_a_fault_of_the_whole_server_lasts_until_healed(
    studio: SimulatedStudio, connection: Connection
) -> None:
    studio.fail(Fault("refused"))
    assert connection.ask("/v1/api/projects", KEY)["success"] is False

    studio.heal()
    assert connection.ask("/v1/api/projects", KEY)["success"] is True


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_would_write_is_refused_and_remembered(
    studio: SimulatedStudio, connection: Connection, method: str
) -> None:
    assert connection.ask(KERAS, KEY, method)["success"] is False

    assert studio.requests[0].method == method
    assert "x-api-key" in studio.requests[0].header_names


def test_an_unknown_path_is_not_found(connection: Connection) -> None:
    assert connection.ask("/v1/api/nowhere", KEY) == {"success": False, "error": "Not found"}


def test_it_leaves_no_thread_and_no_port_behind(capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with SimulatedStudio() as studio:
        studio.fail(Fault.DRIP)
        dripping, idle = Connection(studio), Connection(studio)
        dripping.http.request("GET", KERAS)
        dripping.http.getresponse().close()
        idle.http.connect()
        port = idle.http.port

    dripping.http.close()
    idle.http.close()
    assert threading.active_count() == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert capfd.readouterr() == ("", "")


def test_a_port_is_served_where_it_is_free_and_else_another() -> None:
    with BuiltInStudio() as first:
        port = first.port
        with BuiltInStudio(port=port) as second:
            assert second.port != port

    with BuiltInStudio(port=port) as third:
        assert third.port == port
