"""A Studio that makes up the answers of a fleet of any size; nothing is on disk.

python -m bench.generated PORT TARGETS EDITED_EVERY

A block's answer is a template with the block's number in it. Of EDITED_EVERY blocks the first has
another layer, and the generated script with it. `GET /served` says how many requests were
answered.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from auditor.demo.studio_server import sample_blocks

BLOCKS_A_PROJECT = 100
FIRST_PROJECT, FIRST_BLOCK = 1000, 3
_BLOCKS_AN_IMPULSE = 10
_CREATED = "2026-01-05T10:00:00.000Z"
_NEURONS = (20, 36)  # of the first layer: as it was, and edited
_NAME, _LAYER, _CYCLES, _SAMPLES = "%NAME%", 910_001, 910_002, 910_003
_MARKS = re.compile(f"({_NAME}|{_LAYER}|{_CYCLES}|{_SAMPLES})".encode())
_BLOCK = re.compile(rb"/v1/api/(\d+)/training/keras/(\d+)(/metadata)?$")
_OF_PROJECT = re.compile(rb"/v1/api/(\d+)/(impulses|jobs/history|deployment/history)$")


def _dump(answer: object) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


_JOBS = _dump({"success": True, "jobs": [], "totalJobCount": 0})
_DEPLOYMENTS = _dump({"success": True, "deployments": []})
_METADATA = _dump(
    {
        "success": True,
        "created": _CREATED,
        "recommendedModelType": "int8",
        "modelValidationMetrics": [{"type": "int8", "accuracy": 0.93, "loss": 0.2}],
    }
)


@dataclass(slots=True)
class GeneratedStudio:
    """The answers of `size` blocks, 100 a project and ten an impulse."""

    size: int
    edited_every: int = 0
    served: int = 0
    _parts: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        answer: dict[str, Any] = sample_blocks()["keras"]
        layers = [{**answer["visualLayers"][0], "neurons": _LAYER}, *answer["visualLayers"][1:]]
        script = answer["script"].replace("Dense(20", f"Dense({_LAYER}", 1)
        data = {**answer["dependencies"], "sampleCount": _SAMPLES}
        more = {"name": _NAME, "visualLayers": layers, "script": script, "dependencies": data}
        self._parts = _MARKS.split(_dump({**answer, **more, "trainingCycles": _CYCLES}))

    def answer(self, path: bytes) -> bytes | None:
        """Return the answer to a GET request, None where there is nothing at its path."""
        self.served += 1
        path = path.partition(b"?")[0]
        if (found := _BLOCK.match(path)) is not None:
            number = self._number(int(found[1]), int(found[2]))
            return None if number is None else _METADATA if found[3] else self._block(number)
        if (found := _OF_PROJECT.match(path)) is not None:
            return self._of_project(int(found[1]), found[2])
        if path == b"/v1/api/projects":
            return self._projects()
        return b"%d" % self.served if path == b"/served" else None

    def _number(self, project_id: int, block_id: int) -> int | None:
        number = (project_id - FIRST_PROJECT) * BLOCKS_A_PROJECT + block_id - FIRST_BLOCK
        return number if 0 <= number < self.size else None

    def _block(self, number: int) -> bytes:
        is_edited = bool(self.edited_every) and number % self.edited_every == 0
        values = {
            _NAME.encode(): b"Classifier %d" % number,
            b"%d" % _LAYER: b"%d" % _NEURONS[is_edited],
            b"%d" % _CYCLES: b"%d" % (10 + number % 190),
            b"%d" % _SAMPLES: b"%d" % (200 + number),
        }
        return b"".join([values.get(part, part) for part in self._parts])

    def _of_project(self, project_id: int, what: bytes) -> bytes:
        if what != b"impulses":
            return _JOBS if what.startswith(b"jobs") else _DEPLOYMENTS
        first = (project_id - FIRST_PROJECT) * BLOCKS_A_PROJECT
        numbers = range(first, min(first + BLOCKS_A_PROJECT, self.size))
        impulses = [
            {
                "id": 1 + start // _BLOCKS_AN_IMPULSE,
                "name": f"Impulse #{1 + start // _BLOCKS_AN_IMPULSE}",
                "learnBlocks": _listed(numbers[start : start + _BLOCKS_AN_IMPULSE], first),
            }
            for start in range(0, len(numbers), _BLOCKS_AN_IMPULSE)
        ]
        return _dump({"success": True, "impulses": impulses})

    def _projects(self) -> bytes:
        number = -(-self.size // BLOCKS_A_PROJECT)
        projects = [
            {"id": FIRST_PROJECT + place, "name": f"Project {place}"} for place in range(number)
        ]
        return _dump({"success": True, "projects": projects})


def _listed(numbers: range, first: int) -> list[dict[str, object]]:
    return [
        {
            "id": FIRST_BLOCK + number - first,
            "type": "keras",
            "name": f"Classifier {number}",
            "dsp": [],
            "title": "Classification",
            "createdBy": "createImpulse",
        }
        for number in numbers
    ]


class Connection(asyncio.Protocol):
    """Answers the GET requests of a connection, in order."""

    def __init__(self, studio: GeneratedStudio) -> None:
        self._studio = studio
        self._asked = b""
        self._wire: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._wire = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        *requests, self._asked = (self._asked + data).split(b"\r\n\r\n")
        for request in requests:
            body = self._studio.answer(request.split(b" ", 2)[1])
            status = b"404 Not Found" if body is None else b"200 OK"
            body = body or b"{}"
            head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self._wire.write(head % (status, len(body)) + body)


async def serve(studio: GeneratedStudio, port: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(studio), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    wanted_port, wanted_size, edited = map(int, sys.argv[1:])
    uvloop.run(serve(GeneratedStudio(wanted_size, edited), wanted_port))
