"""The forwarder between Docker's network and the servers' loopback ports, without any Docker."""

import socket
import threading
from collections.abc import Iterator

import pytest

from localstack.bridge import Bridge

# Any address of 127.0.0.0/8 is this machine's on Linux; it stands for the host's end of Docker's network.
OTHER_ADDRESS = "127.0.0.2"
SECONDS = 10


@pytest.fixture
def reached() -> threading.Event:
    """Set once the loopback server has got anything."""
    return threading.Event()


@pytest.fixture
def echo(reached: threading.Event) -> Iterator[int]:
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
                got = b""
                while part := connection.recv(65536):
                    got += part
                    reached.set()
                connection.sendall(got)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(SECONDS)


def test_carries_bytes_both_ways_and_keeps_a_half_closed_connection_open(echo: int) -> None:
    sent = bytes(range(256)) * 4096
    with Bridge(OTHER_ADDRESS, [echo]) as bridge, _connected(bridge.port(echo)) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert _all_of(client) == sent


def test_listens_on_its_own_address_alone(echo: int) -> None:
    with Bridge(OTHER_ADDRESS, [echo]) as bridge, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", bridge.port(echo)), timeout=SECONDS)


def test_ends_the_connection_when_the_server_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = server.getsockname()[1]
    with Bridge(OTHER_ADDRESS, [target]) as bridge, _connected(bridge.port(target)) as client:
        assert _all_of(client) == b""


def test_listens_no_longer_once_it_is_left_and_lets_open_connections_go(echo: int, reached: threading.Event) -> None:
    with Bridge(OTHER_ADDRESS, [echo]) as bridge:
        port = bridge.port(echo)
        client = _connected(port)
        client.sendall(b"unfinished")
        assert reached.wait(SECONDS)
    with client:
        assert _all_of(client) == b""
    with pytest.raises(ConnectionRefusedError):
        _connected(port)


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
