"""Who speaks to the running shop: its demo users, newly registered customers, and a shop keeper who makes goods."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import psycopg
import pytest

from tests.gateway.shop import Api, Keeper, eventually, good, unique

PASSWORD = "correct horse battery 42"


@pytest.fixture(scope="session")
def api(stack: dict[str, Any]) -> Iterator[Api]:
    client = Api(stack["url"])
    yield client
    client.session.close()


def _signed_in(api: Api, user: dict[str, str]) -> str:
    # The first calls of a cold function may be answered busy.
    answer = eventually(lambda: good(api.post("/auth/login", dict(user))))
    return str(answer["access_token"])


@pytest.fixture(scope="module")
def staff(api: Api, stack: dict[str, Any]) -> str:
    """A staff member's access token; each file has its own, since none lasts longer than a quarter of an hour."""
    return _signed_in(api, stack["users"]["staff"])


@pytest.fixture(scope="module")
def admin(api: Api, stack: dict[str, Any]) -> str:
    return _signed_in(api, stack["users"]["admin"])


@pytest.fixture(scope="module")
def keeper(api: Api, staff: str) -> Keeper:
    return Keeper(api, staff)


@pytest.fixture(scope="session")
def register(api: Api) -> Callable[[], Any]:
    """Registers a customer nobody has met and gives the session: user and token pair."""

    def registered() -> Any:
        body = {"email": f"{unique('buyer')}@example.org", "password": PASSWORD}
        return good(api.post("/auth/register", body), 201)

    return registered


@pytest.fixture
def session(register: Callable[[], Any]) -> Any:
    """A new customer's session."""
    return register()


@pytest.fixture
def buyer(session: Any) -> str:
    """A new customer's access token."""
    return str(session["access_token"])


@pytest.fixture(scope="module")
def product(keeper: Keeper) -> Any:
    """A product on sale, by half kilograms, that tests leave as it is."""
    return keeper.product()


@pytest.fixture
def signing(stack: dict[str, Any]) -> dict[str, Any]:
    """The secret that access tokens are signed with, to forge tokens that nearly hold."""
    environment = stack["environment"]
    client = boto3.client(
        "secretsmanager",
        endpoint_url=stack["s3_endpoint_url"],  # the emulator, which holds the secrets under SAM too
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        text = client.get_secret_value(SecretId=f"{stack['secrets_prefix']}/auth/signing")["SecretString"]
    finally:
        client.close()
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def sql(stack: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    """The shop's database as its owner, in autocommit."""
    with psycopg.connect(stack["database_url"], autocommit=True) as connection:
        yield connection
