"""A small HTTP client on asyncio: one kept connection each, so that clients cost little CPU."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20
# The server ends a connection that was idle for 5 s; one that old is not used again.
KEEP_SECONDS = 4


class Broken(Exception):
    """The connection ended before the whole answer came: the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A kept connection to one server; opened again when it broke."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        fixed = {"Host": f"{self._host}:{self._port}", **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def request(self, method: str, path: str, document: Any = None) -> Answer:
        """Send and read one answer. Raises Broken."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reader = await self._send(method, path, document)
                status, headers = await _head(reader)
                if "content-length" in headers:
                    body = await reader.readexactly(int(headers["content-length"]))
                else:
                    body = b"".join([part async for part in _chunks(reader)])
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise Broken(type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, body)

    async def events(self, path: str) -> AsyncIterator[dict[str, str]]:
        """Server-sent events until the server ends them. Raises Broken."""
        try:
            reader = await self._send("GET", path, None)
            status, _ = await _head(reader)
            if status != 200:
                raise Broken(f"status {status}")
            text = ""
            async for part in _chunks(reader):
                text += part.decode()
                while "\n\n" in text:
                    block, text = text.split("\n\n", 1)
                    lines = [line.split(": ", 1) for line in block.splitlines() if ": " in line]
                    yield {pair[0]: pair[1] for pair in lines if pair[0]}
        except (OSError, EOFError, ValueError) as error:
            raise Broken(type(error).__name__) from error
        finally:
            self.close()

    async def _send(self, method: str, path: str, document: Any) -> asyncio.StreamReader:
        if monotonic() - self._used > KEEP_SECONDS:
            self.close()
        self._used = monotonic()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        body = b"" if document is None else json.dumps(document).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n"
        kind = "Content-Type: application/json\r\n" if body else ""
        writer.write(f"{head}{kind}\r\n".encode() + body)
        await writer.drain()
        return reader

    def close(self) -> None:
        """Forget the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = raw.split("\r\n")
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    return int(first.split()[1]), {pair[0].strip().lower(): pair[1].strip() for pair in pairs}


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
