"""`python -m localstack.bridge ADDRESS PORT...` carries containers' connections to servers that listen on loopback alone.

ADDRESS is this machine's own on the containers' network. Each port of it leads to the same port of the loopback
address, so the servers stay unreachable from outside the machine, and nothing listens there once the process has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

from localstack.ports import LOOPBACK

CHUNK = 64 * 1024

Carrier = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def command(address: str, ports: Sequence[int]) -> list[str]:
    """The command line of a bridge; its directory must be the repository's root."""
    return [sys.executable, "-m", "localstack.bridge", address, *map(str, ports)]


def listens(address: str, port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


async def carry(address: str, ports: Sequence[int]) -> None:
    """Carry until SIGTERM or SIGINT. OSError when `address` isn't this machine's or a port of it is taken."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with contextlib.AsyncExitStack() as servers:
        for port in dict.fromkeys(ports):
            try:
                await servers.enter_async_context(await asyncio.start_server(_carrier(port), address, port))
            except OSError as error:
                # A server that was given to the stack may listen on all addresses: then there is nothing to carry.
                if error.errno != errno.EADDRINUSE or not listens(address, port):
                    raise
        await stopping.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def _carrier(port: int) -> Carrier:
    async def carry_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            onward_reader, onward_writer = await asyncio.open_connection(LOOPBACK, port)
            ends.append(onward_writer)
            await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
        except (OSError, asyncio.CancelledError):
            # The server is down, or the bridge ends: the container sees its connection end.
            return
        finally:
            for end in ends:
                end.close()

    return carry_one


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


def main() -> None:
    """Carry until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m localstack.bridge", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("ports", type=int, nargs="+")
    given = parser.parse_args()
    asyncio.run(carry(given.address, given.ports))


if __name__ == "__main__":
    main()
