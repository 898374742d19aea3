"""Keys change under load: no request fails, old tokens hold, new ones are known everywhere at once."""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from jwt import PyJWKClient

from localstack import deploy
from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, eventually, good, problem, unique

GROUPS = ("AuthFunction", "StoreFunction", "BasketFunction")
READS = ("/auth/me", "/store/products?limit=1", "/basket")
SHOPPERS = 3
ROTATIONS = 3


@pytest.fixture
def renewed(api: Api, stack: dict[str, Any]) -> Callable[..., None]:
    """`renewed("AuthFunction")` gives functions new environments, which remember nothing."""
    if os.environ.get("EATIT_STACK_KIND") == "sam":
        pytest.skip("SAM's Lambda endpoint can't give a function new environments")

    def renew(*functions: str) -> None:
        client = deploy.client("lambda", stack["lambda_endpoint_url"])
        for name in functions:
            # The emulator lets a function's environments go when it is given a time, be it the one it has.
            function = stack["functions"][name]
            given = client.get_function_configuration(FunctionName=function)["Timeout"]
            client.update_function_configuration(FunctionName=function, Timeout=given)
        for path in ("/auth/health", "/store/health", "/basket/health"):
            eventually(lambda path=path: good(api.get(path)))  # type: ignore[misc]

    return renew


def held(stack: dict[str, Any], name: str) -> dict[str, Any]:
    return deploy.get_secret(stack["s3_endpoint_url"], f"{stack['secrets_prefix']}/auth/{name}")


def rotate(stack: dict[str, Any]) -> dict[str, Any]:
    function = stack["functions"]["KeyRotationFunction"]
    return deploy.invoke(stack["lambda_endpoint_url"], function, {"action": "rotate"})


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


class Shopper(threading.Thread):
    """Signs in, reads and refreshes, round after round; every other token is one of a signer that has just begun."""

    def __init__(self, stack: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.stack = stack
        self.api = Api(stack["url"])
        self.ending = threading.Event()
        self.rounds = 0
        self.failures: list[str] = []
        self.email = f"{unique('rotating')}@example.org"
        body = {"email": self.email, "password": PASSWORD}
        self.session = good(self.api.post("/auth/register", body), 201)
        self.first = str(self.session["access_token"])

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                self._round()
            except Exception as failure:
                self.failures.append(f"{type(failure).__name__}: {failure}")
            self.rounds += 1

    def _round(self) -> None:
        session = good(self.api.post("/auth/login", {"email": self.email, "password": PASSWORD}))
        for token in (session["access_token"], self._signed_anew(session["access_token"]), self.first):
            self._read(token)
        session = good(self.api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}))
        self._read(session["access_token"])

    def _signed_anew(self, token: str) -> str:
        """What a signer with an empty cache would give: by the key that signs at this very moment."""
        claims = jwt.decode(token, options={"verify_signature": False})
        key = held(self.stack, "signing")["current"]
        return jwt.encode(claims, jwt.PyJWK(key, "EdDSA").key, algorithm="EdDSA", headers={"kid": key["kid"]})

    def _read(self, token: str) -> None:
        for path in READS:
            good(self.api.get(path, token=token))


@pytest.fixture
def shoppers(stack: dict[str, Any], renewed: Callable[..., None]) -> Iterator[list[Shopper]]:
    renewed(*GROUPS)  # whatever garbage other tests have sent, the budget of reads is whole
    made = [Shopper(stack) for _ in range(SHOPPERS)]
    for shopper in made:
        shopper.start()
    yield made
    for shopper in made:
        shopper.ending.set()
        shopper.join(60)
        shopper.api.session.close()
    renewed(*GROUPS)  # and the tests to come may send garbage, too


def each_did(shoppers: list[Shopper], rounds: int) -> None:
    """Waits until every shopper has begun and ended so many rounds more."""
    wanted = [shopper.rounds + rounds + 1 for shopper in shoppers]
    deadline = time.monotonic() + 120
    while any(shopper.rounds < count for shopper, count in zip(shoppers, wanted, strict=True)):
        assert time.monotonic() < deadline, [shopper.rounds for shopper in shoppers]
        time.sleep(0.01)


def test_three_rotations_in_a_row_fail_no_request(
    api: Api, stack: dict[str, Any], shoppers: list[Shopper], renewed: Callable[..., None]
) -> None:
    each_did(shoppers, 1)
    before = held(stack, "signing")
    told = []
    for _ in range(ROTATIONS):
        told.append(rotate(stack))
        each_did(shoppers, 1)
    for shopper in shoppers:
        shopper.ending.set()
        shopper.join(60)
    assert [shopper.failures for shopper in shoppers] == [[]] * SHOPPERS

    after = held(stack, "signing")
    currents = [before["current"]["kid"], *(each["current"] for each in told)]
    assert len(set(currents)) == ROTATIONS + 1
    assert currents[1] == before["next"]["kid"]
    assert [key["kid"] for key in after["previous"]][:ROTATIONS] == currents[-2::-1]

    renewed("AuthFunction")  # the other groups keep what they remember
    shopper = shoppers[0]
    session = good(api.post("/auth/login", {"email": shopper.email, "password": PASSWORD}))
    assert kid_of(session["access_token"]) == currents[-1] == after["current"]["kid"]
    published = [key["kid"] for key in good(api.get("/auth/.well-known/jwks.json"))["keys"]]
    assert published == [after["current"]["kid"], after["next"]["kid"], *(key["kid"] for key in after["previous"])]
    for token, path in itertools.product((session["access_token"], shopper.first), READS):
        good(api.get(path, token=token))


def test_a_client_that_knows_openid_connect_verifies_a_token_by_itself(api: Api, buyer: str) -> None:
    told = good(api.get("/auth/.well-known/openid-configuration"))
    assert told["issuer"] == jwt.decode(buyer, options={"verify_signature": False})["iss"]
    key = PyJWKClient(told["jwks_uri"]).get_signing_key_from_jwt(buyer)
    algorithms = told["id_token_signing_alg_values_supported"]
    claims = jwt.decode(buyer, key, algorithms=algorithms, issuer=told["issuer"], audience="eatit")
    assert set(claims) <= set(told["claims_supported"])
    me = api.session.get(told["userinfo_endpoint"], headers={"Authorization": f"Bearer {buyer}"}, timeout=60)
    assert good(me)["id"] == claims["sub"]
    assert api.session.get(told["service_documentation"], timeout=60).status_code == 200


def test_the_token_endpoint_told_of_grants_what_is_told(api: Api, session: Any) -> None:
    told = good(api.get("/auth/.well-known/openid-configuration"))
    form = {"grant_type": "refresh_token", "refresh_token": session["refresh_token"]}
    first = good(api.session.post(told["token_endpoint"], data=form, timeout=60))
    form = {"grant_type": "password", "username": session["user"]["email"], "password": PASSWORD}
    assert good(api.session.post(told["token_endpoint"], data=form, timeout=60))["token_type"] == first["token_type"]
    assert set(told["grant_types_supported"]) == {"password", "refresh_token"}


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "Forwarded"])
def test_no_header_moves_what_is_told(api: Api, name: str) -> None:
    path = "/auth/.well-known/openid-configuration"
    told = good(api.get(path))
    assert told["jwks_uri"].startswith("http")
    assert good(api.get(path, headers={name: "evil.example:x"})) == told


def test_odd_addresses_make_no_odd_problem(api: Api) -> None:
    for name, value in (("Host", "a:b:c"), ("X-Forwarded-Port", "x"), ("X-Forwarded-Proto", "a b")):
        problem(api.get("/auth/nothing", headers={name: value}), 404, "not_found")


def test_no_private_half_leaves_the_two_functions(stack: dict[str, Any]) -> None:
    told = json.dumps([rotate(stack), held(stack, "jwks")])
    signing = held(stack, "signing")
    for secret in (signing["current"]["d"], signing["next"]["d"], signing["refresh"], signing["seal"]):
        assert secret not in told
    assert not any("d" in key for key in (*signing["previous"], *held(stack, "jwks")["keys"]))
