"""Each server of the faults' own stack comes back where it was, with what it held."""

from typing import Any

import psycopg
import pytest

from tests.faults.books import settled
from tests.faults.servers import SERVERS, Servers
from tests.gateway.shop import Api, Keeper, eventually, good


@pytest.mark.parametrize("name", SERVERS)
def test_a_killed_server_comes_back_as_it_was(name: str, servers: Servers, api: Api, keeper: Keeper) -> None:
    before = keeper.product()
    pid = servers.pids[name]
    with servers.away(name):
        assert servers.workers("StoreFunction")
    assert servers.pids[name] != pid
    with psycopg.connect(servers.stack["database_url"]) as sql:
        assert sql.execute("SELECT count(*) FROM store.products WHERE id = %s", [before["id"]]).fetchone() == (1,)

    def healthy() -> Any:
        told = good(api.get("/store/health"))
        assert told["status"] == "ok", told
        return told

    eventually(healthy)
    keeper.change(before, name="Другой")
    settled(servers)
