"""HTTP/1.1 on loopback, small enough to misbehave on purpose: late, cut, silent and dripping replies."""

import asyncio
import json
import socket
import struct
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 256 * 1024 * 1024
DRIP_PIECES = 10


class Ending(StrEnum):
    """How a reply leaves the server; only `WHOLE` is what a client hopes for."""

    WHOLE = "whole"
    SILENCE = "silence"
    RESET = "reset"
    DROP_BEFORE_HEAD = "drop_before_head"
    DROP_BEFORE_BODY = "drop_before_body"
    DROP_INSIDE_BODY = "drop_inside_body"
    DRIP = "drip"


@dataclass(frozen=True, slots=True)
class Request:
    """One complete request; header names are lower case, `arrived` is monotonic seconds."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    arrived: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send, how long to wait first, and how to end; delays are seconds."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    ending: Ending = Ending.WHOLE
    drip_seconds: float = 0.0


def json_reply(status: int, value: object) -> Reply:
    """A plain JSON reply without delay."""
    return Reply(status, as_json(value))


def as_json(value: object) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


Answerer = Callable[[Request], Awaitable[Reply]]


class Malformed(Exception):
    """The bytes are not a request this server reads; carries the status to refuse them with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    target: str
    headers: Mapping[str, str]
    length: int


def _read_head(raw: bytes) -> _Head:
    lines = raw.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise Malformed(400, "not an HTTP/1.1 request line")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(400, "a header line without a colon")
        headers[name.strip().lower()] = value.strip()
    if "transfer-encoding" in headers:
        raise Malformed(411, "send a Content-Length; chunked requests are not read here")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Malformed(400, "Content-Length is not a number")
    if int(length) > MAX_BODY_BYTES:
        raise Malformed(413, "the body is too large")
    return _Head(parts[0], parts[1], headers, int(length))


class Connection(asyncio.Protocol):
    """One client connection, answering one request after another.

    A request once complete is always answered in full by the handler, even when the client has gone: what
    a real provider has accepted it also charges. Only the sending is given up.
    """

    def __init__(self, answer: Answerer, tasks: set[asyncio.Task[None]]) -> None:
        self._answer = answer
        self._tasks = tasks
        self._received = bytearray()
        self._head: _Head | None = None
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for replies."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("expected a stream transport")
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give up a pending reply; nobody is there to read it."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect bytes and start the next request as soon as it is complete."""
        self._received += data
        if not self._busy:
            self._read_next()

    def _read_next(self) -> None:
        try:
            request = self._take_request()
        except Malformed as problem:
            self._busy = True
            self._send_whole(json_reply(problem.status, {"error": str(problem)}), close=True)
            return
        if request is None:
            return
        self._busy = True
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take_request(self) -> Request | None:
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                if len(self._received) > MAX_HEAD_BYTES:
                    raise Malformed(431, "the headers are too large")
                return None
            self._head = _read_head(bytes(self._received[:end]))
            del self._received[: end + 4]
            if self._head.headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = self._head
        if len(self._received) < head.length:
            return None
        body = bytes(self._received[: head.length])
        del self._received[: head.length]
        self._head = None
        path, _, query = head.target.partition("?")
        return Request(
            method=head.method,
            path=unquote(path),
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            headers=head.headers,
            body=body,
            arrived=time.monotonic(),
        )

    async def _serve(self, request: Request) -> None:
        try:
            reply = await self._answer(request)
        except Exception:
            # A defect of the simulator must look like one and not like a provider's fault.
            traceback.print_exc(file=sys.stderr)
            reply = json_reply(599, {"error": "the simulator itself failed; see its standard error"})
        if self._transport is None:
            return
        if reply.delay_seconds <= 0:
            self._deliver(reply)
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(reply.delay_seconds, self._deliver, reply)

    def _deliver(self, reply: Reply) -> None:
        self._timer = None
        if self._transport is None:
            return
        head = _head_bytes(reply)
        if reply.ending is Ending.WHOLE:
            self._send_whole(reply, close=False)
        elif reply.ending is Ending.RESET:
            _reset(self._transport)
        elif reply.ending in (Ending.SILENCE, Ending.DROP_BEFORE_HEAD):
            self._transport.close()
        elif reply.ending is Ending.DROP_BEFORE_BODY:
            self._transport.write(head)
            self._transport.close()
        elif reply.ending is Ending.DROP_INSIDE_BODY:
            self._transport.write(head + reply.body[: len(reply.body) // 2])
            self._transport.close()
        else:
            self._transport.write(head)
            self._drip(reply, 0)

    def _drip(self, reply: Reply, sent: int) -> None:
        self._timer = None
        if self._transport is None:
            return
        piece = max(1, -(-len(reply.body) // DRIP_PIECES))
        self._transport.write(reply.body[sent : sent + piece])
        if sent + piece >= len(reply.body):
            self._finish()
            return
        loop = asyncio.get_running_loop()
        pause = reply.drip_seconds / DRIP_PIECES
        self._timer = loop.call_later(pause, self._drip, reply, sent + piece)

    def _send_whole(self, reply: Reply, *, close: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(_head_bytes(reply) + reply.body)
        if close:
            self._transport.close()
        else:
            self._finish()

    def _finish(self) -> None:
        self._busy = False
        if self._received:
            self._read_next()


def _head_bytes(reply: Reply) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Simulated"
    lines = [
        f"HTTP/1.1 {reply.status} {phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
        "\r\n",
    ]
    return "\r\n".join(lines).encode("latin-1")


def _reset(transport: asyncio.Transport) -> None:
    """End the connection with a TCP reset: a lingering time of zero makes the kernel send RST."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
