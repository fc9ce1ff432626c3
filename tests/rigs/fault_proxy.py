"""A reverse proxy on loopback that does to a share of the answers what networks and stores do."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing import Self

Fault = Literal["unavailable", "reset", "truncated", "flipped", "stalled"]
FAULTS: tuple[Fault, ...] = ("unavailable", "reset", "truncated", "flipped", "stalled")


class FaultProxy:
    """Passes requests on to a server, and does something to a share of the answers, drawn by a seed.

    Parameters
    ----------
    upstream : str
        URL of the server. Its host name is passed on as clients gave it, since they signed it.
    faults : mapping of str to float
        The share of requests that meets each fault: ``unavailable`` (503, before the server sees it), ``reset`` (the
        connection, after the server did what was asked), ``truncated`` (half a body), ``flipped`` (a bit of the body),
        ``stalled`` (no answer for ``stall`` seconds).
    seed : int
        Which requests.
    stall : float
        Seconds.

    Attributes
    ----------
    met : Counter
        How often each fault was met, and ``"requests"`` in all.
    """

    def __init__(
        self, upstream: str, faults: dict[Fault, float], *, seed: int = 0, stall: float = 2.0
    ) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.faults, self.stall = dict(faults), stall
        self._random = random.Random(seed)
        self.met: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20), self._loop
        ).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _drawn(self) -> Fault | None:
        """Draw what happens to a request."""
        at = self._random.random()
        for fault, share in self.faults.items():
            if at < share:
                return fault
            at -= share
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass one request and its answer; return whether the connection goes on."""
        head, body = await _message(reader, asker=writer)
        if not head:
            return False
        self.met["requests"] += 1
        fault = self._drawn()
        if fault == "unavailable":
            self.met[fault] += 1
            said = b"<Error><Code>SlowDown</Code></Error>"
            if head.startswith(b"HEAD"):
                said = b""
            writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
            await writer.drain()
            return True
        if fault == "stalled":
            self.met[fault] += 1
            await asyncio.sleep(self.stall)
            return False
        answer, content = await self._ask(head, body)
        if fault == "reset":
            self.met[fault] += 1
            _reset(writer)
            return False
        if fault == "truncated" and content:
            self.met[fault] += 1
            writer.write(answer + content[: len(content) // 2])
            await writer.drain()
            return False
        if fault == "flipped" and content:
            self.met[fault] += 1
            damaged = bytearray(content)
            damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
            content = bytes(damaged)
        writer.write(answer + content)
        await writer.drain()
        return True

    async def _ask(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Make the request of the server, on a connection of its own."""
        try:
            reader, writer = await asyncio.open_connection(*self._upstream, limit=2**20)
        except OSError:
            # as from a balancer whose server is gone
            return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", b""
        try:
            writer.write(head + body)
            await writer.drain()
            answer, content = await _message(reader, empty=head.startswith(b"HEAD"))
            while answer.startswith(b"HTTP/1.1 100"):
                answer, content = await _message(reader, empty=head.startswith(b"HEAD"))
            if not answer:
                return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", b""
            return answer, content
        finally:
            writer.close()


async def _message(
    reader: asyncio.StreamReader, *, empty: bool = False, asker: asyncio.StreamWriter | None = None
) -> tuple[bytes, bytes]:
    """Read one request or answer; chunked bodies get a length instead."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b"", b""
    lines = head[:-4].split(b"\r\n")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    if asker is not None and fields.pop(b"expect", None):
        # the client waits for this before it sends the body
        asker.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        lines = [line for line in lines if not line.lower().startswith(b"expect")]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
    if empty or lines[0].startswith(b"HTTP/1.1 100"):
        return head, b""
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        kept = [line for line in lines if not line.lower().startswith(b"transfer-encoding")]
        return b"\r\n".join([*kept, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n", body
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset instead of a farewell."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
