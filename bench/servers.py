"""Servers of the fleet's files on 127.0.0.1, as context managers."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NGINX = """
daemon off;
master_process off;  # so that it stays the user who started it, and one process to end
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  sendfile on;
  keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {files};
    location / {{ try_files $uri.json =404; }}
  }}
}}
"""


@contextmanager
def nginx(files: Path, folder: Path) -> Iterator[str]:
    """Serve `files` at once; yields the base URL. `folder` is for what nginx needs.

    Raises:
        FileNotFoundError: nginx is not on this machine.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise FileNotFoundError("nginx is not on this machine: install it (apt install nginx)")
    port = free_port()
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, files=files, port=port))
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(settings)]
    with serving(command, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def delayed(files: Path) -> Iterator[str]:
    """Serve `files`, each answer 100 ms late; yields the base URL."""
    port = free_port()
    with serving([sys.executable, "-m", "bench.delayed", str(files), str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving(command: list[str], port: int) -> Iterator[None]:
    """Have a server that listens on a port, and end it.

    Raises:
        ChildProcessError: it ended by itself.
        TimeoutError: it does not listen.
    """
    server = subprocess.Popen(command)
    try:
        _wait_until_it_listens(server, port)
        yield
    finally:
        server.terminate()
        server.wait()


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(500):
        if server.poll() is not None:
            raise ChildProcessError(f"{server.args!r} ended with {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)  # a server says nowhere else that it listens
    raise TimeoutError(f"{server.args!r} does not listen")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
