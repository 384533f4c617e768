"""docs/web.md: each snippet serves a folder of reports as the page says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.certificates import Authority

PAGE = (Path(__file__).parents[1] / "docs" / "web.md").read_text()
SNIPPETS = dict(re.findall(r"```(nginx|caddy)\n(.*?)```", PAGE, re.DOTALL))
PASSWORD = "a long one"
READER = ("reader", PASSWORD)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server serves: its own folder, the reports beside, a port and a certificate."""

    folder: Path
    port: int

    @property
    def reports(self) -> Path:
        return self.folder / "reports"


def tool(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    return path


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - the tests name what is run


def nginx(place: Place) -> tuple[list[str], str]:
    """Return the command that serves by the snippet of nginx, and the address."""
    program, folder = tool("nginx"), place.folder
    pair = Authority(folder).certificate("127.0.0.1", names=("drift.example.org",))
    passwords = folder / "drift.htpasswd"
    passwords.write_text(f"reader:{ask(tool('openssl'), 'passwd', '-6', PASSWORD)}\n")
    server = SNIPPETS["nginx"]
    for written, here in (
        ("443", f"127.0.0.1:{place.port}"),
        ("/etc/ssl/drift/fullchain.pem", str(pair)),
        ("/etc/ssl/drift/privkey.pem", str(pair)),
        ("/etc/nginx/drift.htpasswd", str(passwords)),
        ("/srv/drift", str(place.reports)),
    ):
        assert written in server
        server = server.replace(written, here)
    kept = " ".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi"))
    kept += f" uwsgi_temp_path {folder}; scgi_temp_path {folder}; access_log off;"
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ types {{ text/html html; }} {kept}\n{server}}}\n"
    )
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return command, f"https://127.0.0.1:{place.port}"


def caddy(place: Place) -> tuple[list[str], str]:
    """Return the command that serves by the snippet of Caddy, and the address."""
    program, address = tool("caddy"), f"http://127.0.0.1:{place.port}"
    site = SNIPPETS["caddy"]
    for written, here in (
        ("drift.example.org", address),
        ("PASSWORD-HASH", ask(program, "hash-password", "--plaintext", PASSWORD)),
        ("/srv/drift", str(place.reports)),
    ):
        assert written in site
        site = site.replace(written, here)
    file = place.folder / "Caddyfile"
    file.write_text(f"{{\n\tadmin off\n}}\n{site}")
    return [program, "run", "--config", str(file), "--adapter", "caddyfile"], address


@contextmanager
def serving(command: list[str], place: Place) -> Iterator[None]:
    own = {**os.environ, "HOME": str(place.folder), "XDG_CONFIG_HOME": str(place.folder)}
    server = subprocess.Popen(  # noqa: S603 - as above
        command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", place.port), timeout=5).close()
                break
            except ConnectionRefusedError:
                said = server.stderr.read() if server.poll() is not None and server.stderr else b""
                assert server.poll() is None, said.decode()
                time.sleep(0.05)  # it says nothing when it listens
        yield
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found = Place(tmp_path, free.getsockname()[1])
    (found.reports / "targets/7").mkdir(parents=True)
    for name in ("index.html", "targets/7/3.html", ".pages.json", "targets/7/.pages.json"):
        (found.reports / name).write_text("<p>page")
    return found


@pytest.mark.parametrize("server", [nginx, caddy])
def test_a_page_needs_the_password_and_nothing_is_listed(
    place: Place, server: Callable[[Place], tuple[list[str], str]]
) -> None:
    command, address = server(place)
    paths = ("/", "/targets/7/3.html", "/targets/", "/.pages.json", "/targets/7/.pages.json")
    with serving(command, place), httpx.Client(base_url=address, verify=False) as client:  # noqa: S501 - who serves is known
        refused = [client.get(path).status_code for path in paths]
        wrong = client.get("/", auth=("reader", "another")).status_code
        answers = [client.get(path, auth=READER) for path in paths]

    assert (refused[:3], wrong) == ([401] * 3, 401)
    assert set(refused[3:]) <= {401, 404}
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert answers[0].headers["content-type"].startswith("text/html")
    assert answers[0].headers["cache-control"] == "no-cache"
    assert {answer.status_code for answer in answers[2:]} <= {403, 404}
