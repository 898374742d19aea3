"""The forwarder between Docker's network and the servers' loopback ports, without any Docker."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localstack.bridge import as_containers_see, command, listens

ROOT = Path(__file__).parents[2]
# Any address of 127.0.0.0/8 is this machine's on Linux; it stands for the host's end of Docker's network.
OTHER_ADDRESS = "127.0.0.2"
SECONDS = 10


@pytest.fixture
def echo() -> Iterator[int]:
    """A loopback server that sends back all that it got, once the other side has finished; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(SECONDS)
                connection.sendall(_all_of(connection))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(SECONDS)


@contextmanager
def bridge_to(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A bridge that carries `port`, already listening; ended at the end, if it wasn't before."""
    process = subprocess.Popen(
        command(OTHER_ADDRESS, [port]), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _until(lambda: process.poll() is not None or listens(OTHER_ADDRESS, port))
        yield process
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=SECONDS)
        # It may have been ended before it came to heed the signal.
        assert process.returncode in (0, -signal.SIGTERM)
        assert said == b""


def test_carries_bytes_both_ways_and_keeps_a_half_closed_connection_open(echo: int) -> None:
    sent = bytes(range(256)) * 4096
    with bridge_to(echo), _connected(echo) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert _all_of(client) == sent


def test_ends_the_connection_when_the_server_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = server.getsockname()[1]
    with bridge_to(target), _connected(target) as client:
        assert _all_of(client) == b""


def test_lets_open_connections_go_when_it_ends(echo: int) -> None:
    with bridge_to(echo) as process, _connected(echo) as client:
        client.sendall(b"unfinished")
        process.terminate()
        assert _all_of(client) == b""
        process.wait(SECONDS)  # a second signal in the middle of its end would be complained of
    assert not listens(OTHER_ADDRESS, echo)


def test_leaves_a_server_alone_that_listens_on_all_addresses() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, bridge_to(server.getsockname()[1]) as process:
        assert process.poll() is None


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("postgresql://127.0.0.1:5432/eatit", "postgresql://172.30.0.1:5432/eatit"),
        ("amqp://eatit:secret@localhost:5672/%2F", "amqp://eatit:secret@172.30.0.1:5672/%2F"),
        ("smtp://127.0.0.1:1025", "smtp://172.30.0.1:1025"),
        ("redis://cache.example:6379/0", "redis://cache.example:6379/0"),
        ("http://localhost:*,http://127.0.0.1:*", "http://localhost:*,http://127.0.0.1:*"),
        ("RUB", "RUB"),
    ],
)
def test_containers_see_the_servers_of_this_machine_at_its_address_for_them(here: str, there: str) -> None:
    assert as_containers_see(here, "172.30.0.1") == there


def _connected(port: int) -> socket.socket:
    return socket.create_connection((OTHER_ADDRESS, port), timeout=SECONDS)


def _all_of(client: socket.socket) -> bytes:
    got = b""
    try:
        while part := client.recv(65536):
            got += part
    except ConnectionResetError:
        return got
    return got


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
