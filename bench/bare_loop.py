"""The least that a run can cost: its GET requests by httpx over aiohttp, answers not used.

python -m bench.bare_loop BASE_URL CONCURRENCY FILE_OF_PATHS
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import uvloop
from httpx_aiohttp import AiohttpTransport

from bench import KEY_NAME


async def ask_all(base_url: str, paths: Iterator[str], *, concurrency: int) -> None:
    """Get every path, `concurrency` at once."""
    headers = {"x-api-key": os.environ[KEY_NAME]}
    async with httpx.AsyncClient(
        transport=AiohttpTransport(), base_url=base_url, headers=headers
    ) as client:
        await asyncio.gather(*(_ask(client, paths) for _ in range(concurrency)))


async def _ask(client: httpx.AsyncClient, paths: Iterator[str]) -> None:
    for path in paths:
        response = await client.get(path)
        response.raise_for_status()


if __name__ == "__main__":
    wanted = Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()
    uvloop.run(ask_all(sys.argv[1], iter(wanted), concurrency=int(sys.argv[2])))
