"""The room's own rule: nothing here reaches a server."""

import socket

import psycopg
import pytest

from tests.unit.conftest import SocketUsed


def test_a_socket_is_refused() -> None:
    with socket.socket() as one, pytest.raises(SocketUsed):
        one.connect(("127.0.0.1", 9))
    with pytest.raises(SocketUsed):
        socket.create_connection(("localhost", 9))
    with pytest.raises(SocketUsed):
        psycopg.connect("postgresql://127.0.0.1/x")
