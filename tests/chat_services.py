"""Stand-ins on loopback for services that channels send to: they refuse what the real ones do.

The chat services are reached by their real names, through a proxy of the environment that brings
every name to one server, whose certificate a test's authority signs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.certificates import Authority

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TEAMS = "workflows://prod.westeurope.logic.azure.com:443/643e69f8adc64b6e/7f48bdc3e2e04a6a/"
NTFY = "ntfys://tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2@ntfy.sh/drift-topic"
SECRETS_OF_URLS = (
    "TIiajkdnlazkcOXrIdevi7FQ",
    "JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "7f48bdc3e2e04a6a",
    "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2",
)
_HOSTS = ("hooks.slack.com", "discord.com", "prod.westeurope.logic.azure.com", "ntfy.sh")


@dataclass(frozen=True, slots=True)
class Post:
    """A request that a stand-in got, and how it answered."""

    host: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the body as programs read it."""
        return json.loads(self.body)


@dataclass
class Services:
    """What the stand-ins got.

    Attributes:
        answers: statuses to answer with in place of looking; 0 to look.
        gate: no request is answered while it is not set.
    """

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    on_post: threading.Event = field(default_factory=threading.Event)

    @property
    def taken(self) -> list[Post]:
        """Return the requests that were answered with 2xx."""
        return [post for post in self.posts if 200 <= post.status < 300]

    def answer(self, post: Post) -> tuple[int, str]:
        """Return status and body as the real service answers."""
        status = self.answers.pop(0) if self.answers else 0
        if status:
            return status, f"no: {post.path}"
        rules = {_HOSTS[0]: _slack, _HOSTS[1]: _discord, _HOSTS[2]: _teams, _HOSTS[3]: _ntfy}
        try:
            return rules.get(post.host, _webhook)(post)
        except (ValueError, KeyError, TypeError, AttributeError):
            return 400, "invalid_payload"


def _slack(post: Post) -> tuple[int, str]:
    """api.slack.com: webhooks' errors, Block Kit's limits, text of more than 40,000 is cut."""
    if SECRETS_OF_URLS[0] not in post.path:
        return 404, "no_service"
    attachments = [post.json, *post.json.get("attachments", ())]
    if len(attachments) > 101:
        return 400, "too_many_attachments"
    blocks = [block for attachment in attachments for block in attachment.get("blocks", ())]
    in_blocks = [len(block["text"]["text"]) for block in blocks if "text" in block]
    limits = {"header": 150, "section": 3_000}
    if len(blocks) > 50 or any(
        not 0 < len(block["text"]["text"]) <= limits[block["type"]]
        for block in blocks
        if block["type"] in limits
    ):
        return 400, "invalid_blocks"
    if sum(in_blocks) > 13_000:
        return 400, "msg_blocks_too_long"
    text = sum(len(attachment.get("text", "")) for attachment in attachments)
    if text > 40_000:
        return 400, "msg_too_long"
    return (200, "ok") if blocks or text else (400, "no_text")


def _discord(post: Post) -> tuple[int, str]:
    """discord.com/developers/docs/resources/webhook and …/message."""
    if SECRETS_OF_URLS[1] not in post.path:
        return 404, '{"message": "Unknown Webhook", "code": 10015}'
    content, embeds = post.json.get("content") or "", post.json.get("embeds") or []
    if len(content) > 2_000 or len(embeds) > 10 or len(str(embeds)) > 6_000:
        return 400, '{"content": ["Must be 2000 or fewer in length."], "code": 50035}'
    if not content and not embeds:
        return 400, '{"code": 50006, "message": "Cannot send an empty message"}'
    return 204, ""


def _teams(post: Post) -> tuple[int, str]:
    """learn.microsoft.com/connectors/teams: adaptive cards alone, of about 28 KB."""
    if f"sig={SECRETS_OF_URLS[2]}" not in post.path:
        return 401, "DirectApiAuthorizationRequired"
    if len(post.body.decode().encode("utf-16-le")) > 28 * 1024:
        return 413, "RequestEntityTooLarge"
    [attachment] = post.json["attachments"]
    card = attachment["content"]
    is_message = post.json["type"] == "message" and card["type"] == "AdaptiveCard"
    if not is_message or attachment["contentType"] != "application/vnd.microsoft.card.adaptive":
        return 400, "TriggerInputSchemaMismatch"
    if not all(part["type"] == "TextBlock" and part["text"] for part in card["body"]):
        return 400, "InvalidBotAdaptiveCard"
    return 202, ""


def _ntfy(post: Post) -> tuple[int, str]:
    """docs.ntfy.sh/publish: a message of more than 4,096 bytes would become a file."""
    if SECRETS_OF_URLS[3] not in post.headers.get("authorization", ""):
        return 401, '{"code":40101,"http":401,"error":"unauthorized"}'
    if len(post.body) > 2 * 4_096:
        return 413, '{"code":41303,"http":413,"error":"JSON body too large"}'
    if len(post.json["message"].encode()) > 4_096:
        return 400, '{"code":40014,"http":400,"error":"attachments not allowed"}'
    return 200, '{"event":"message"}'


def shown_lines(post: Post) -> list[str]:
    """Return the lines of a Teams card as they are seen: Markdown joins single line breaks."""
    [attachment] = post.json["attachments"]
    text = attachment["content"]["body"][-1]["text"]
    joined = [paragraph.replace("\n", " ") for paragraph in text.split("\n\n")]
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", line) for line in joined if line]


def _webhook(post: Post) -> tuple[int, str]:
    del post
    return 200, "OK"


def is_signed(post: Post, secret: str) -> bool:
    """Return whether a webhook's request has the right signature."""
    expected = hmac.new(secret.encode(), post.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(post.headers["x-auditor-signature"], f"sha256={expected}")


@contextmanager
def webhook(services: Services | None = None) -> Iterator[Services]:
    """Serve plain HTTP until the end."""
    services = services or Services()
    services.gate.set()
    with _serving(services, None) as port:
        services.url = f"http://127.0.0.1:{port}/hook/c0ffee-c0ffee"
        try:
            yield services
        finally:
            services.gate.set()


@contextmanager
def chat_services(folder: Path, environ: Any) -> Iterator[Services]:  # noqa: ANN401 - MonkeyPatch
    """Serve the chat services by their names; `environ` sets variables."""
    services = Services()
    services.gate.set()
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate("127.0.0.1", names=_HOSTS))
    environ.setenv("SSL_CERT_FILE", str(authority.file))
    with _serving(services, context) as port, _proxy(port) as proxy:
        environ.setenv("https_proxy", f"http://127.0.0.1:{proxy}")
        try:
            yield services
        finally:
            services.gate.set()


@contextmanager
def _serving(services: Services, context: ssl.SSLContext | None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            host = headers.get("host", "").partition(":")[0]
            post = Post(host, self.path, headers, body)
            services.on_post.set()
            services.gate.wait(60)
            status, text = services.answer(post)
            services.posts.append(Post(host, self.path, headers, body, status))
            with suppress(OSError):  # the client may have given up
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"http://{headers['host']}/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            del request, client_address  # a client that does not trust it

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _proxy(port: int) -> Iterator[int]:
    """A proxy that brings every CONNECT to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_accept, args=(server, port))
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _accept(server: socket.socket, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_tunnel, args=(client, port), daemon=True).start()


def _tunnel(client: socket.socket, port: int) -> None:
    with client, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as target:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_copy, args=(target, client), daemon=True)
        back.start()
        _copy(client, target)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
