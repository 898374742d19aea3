"""Carries containers' connections from the Docker bridge's address to servers that listen on loopback alone."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType

LOOPBACK = "127.0.0.1"
CHUNK = 64 * 1024


class Bridge:
    """TCP forwarders on one address, in a thread of their own; a context manager.

    The servers stay unreachable from outside the machine: the address listened on is the host's end of Docker's
    own network, and nothing listens there before or after.
    """

    def __init__(self, address: str, ports: Iterable[int]) -> None:
        """Forward each of the loopback `ports`; `address` is the host's own address on the containers' network."""
        self.address = address
        self._targets = list(dict.fromkeys(ports))
        self._listening: dict[int, int] = {}
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._carrying: set[asyncio.Task[None] | None] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bridge", daemon=True)

    def port(self, target: int) -> int:
        """The port, on the bridge's address, that leads to loopback port `target`. KeyError when it isn't carried."""
        return self._listening[target]

    def __enter__(self) -> "Bridge":
        """Start listening. OSError when the address isn't this machine's."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=10)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _listen(self) -> None:
        for target in self._targets:
            server = await asyncio.start_server(self._carrier(target), self.address, 0)
            self._servers.append(server)
            self._listening[target] = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        here = asyncio.current_task()
        while others := asyncio.all_tasks() - {here}:
            # Only what has begun to carry is cut off: a connection half accepted would be left open.
            for task in others & self._carrying:
                task.cancel()
            await asyncio.wait(others, timeout=0.05)

    def _carrier(self, target: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            self._carrying.add(task)
            try:
                await _carry(reader, writer, target)
            except asyncio.CancelledError:
                # Ours, from _close; asyncio's streams would log it as a fault of this callback.
                return
            finally:
                self._carrying.discard(task)

        return carry


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
    ends = [writer]
    try:
        onward_reader, onward_writer = await asyncio.open_connection(LOOPBACK, target)
        ends.append(onward_writer)
        await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
    except OSError:
        # The server is down: the container sees its connection end, as it would without the bridge.
        return
    finally:
        for end in ends:
            end.close()
        for end in ends:
            with contextlib.suppress(OSError):
                await end.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A half-closed connection stays half-closed on the other side, a reset one is ended on both.
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        return
    writer.close()
