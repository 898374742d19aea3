"""`python -m localstack.bridge ADDRESS PORT...` carries containers' connections to servers that listen on loopback.

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
from collections.abc import Awaitable, Callable, Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from localstack.ports import LOOPBACK
from localstack.processes import Processes
from localstack.template import ROOT

ON_THIS_MACHINE = (LOOPBACK, "localhost")
# How containers call the machine where an engine lives in one of its own (Docker Desktop) and needs no bridge.
DESKTOP = "host.docker.internal"
CHUNK = 64 * 1024

Carrier = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def start(processes: Processes, address: str, urls: Iterable[str]) -> None:
    """Starts a bridge on `address` to those servers of `urls` that are on this machine. Raises ServerDied."""
    ports = [urlsplit(url).port or 0 for url in urls if urlsplit(url).hostname in ON_THIS_MACHINE]
    if ports:
        child = processes.start("bridge", command(address, ports), directory=ROOT)
        processes.wait_ready(
            "The bridge to Docker", child, lambda: all(listens(address, port) for port in ports), log="bridge"
        )


def as_containers_see(text: str, host: str) -> str:
    """A server's URL as containers reach it, by `host`; what isn't the URL of one on this machine stays as it is."""
    parts = urlsplit(text) if "://" in text and "," not in text else None
    if parts is None or parts.hostname not in ON_THIS_MACHINE or parts.port is None:
        return text
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{host}:{parts.port}"))


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
    servers = []
    for port in dict.fromkeys(ports):
        try:
            servers.append(await asyncio.start_server(_carrier(port), address, port))
        except OSError as error:
            # A server that was given to the stack may listen on all addresses: then there is nothing to carry.
            if error.errno != errno.EADDRINUSE or not listens(address, port):
                raise
    await stopping.wait()
    # asyncio.run cuts off what is still carried; there is nothing to be said about it.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    for server in servers:
        server.close()


def _carrier(port: int) -> Carrier:
    async def carry_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            onward_reader, onward_writer = await asyncio.open_connection(LOOPBACK, port)
            ends.append(onward_writer)
            await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
        except OSError:
            # The server is down: the container sees its connection end, as it would without the bridge.
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
