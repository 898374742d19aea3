"""The known attacks on JSON Web Tokens (RFC 8725): each is refused, and nothing that a token names is ever fetched."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.keys import public_keys
from eatit.security import verify
from eatit.settings import settings
from tests.unit.conftest import ENVIRONMENT
from tests.unit.vault import Vault, claims_of, refused, signed


def part(value: Any) -> str:
    """A token's part."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def by_hand(header: Any, claims: Any, signature: bytes = b"") -> str:
    return f"{part(header)}.{part(claims)}.{part(signature)}"


def resigned(vault: Vault, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Any header over a signature that is right all the same."""
    key = jwt.PyJWK(vault.signing["current"], "EdDSA").key
    signature = key.sign(f"{part(header)}.{part(claims)}".encode())
    return by_hand(header, claims, signature)


def kid(vault: Vault) -> str:
    return str(vault.signing["current"]["kid"])


def public(vault: Vault) -> bytes:
    """The raw public key."""
    x = vault.signing["current"]["x"]
    return base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", [b"", b"x" * 64])
def test_alg_none(vault: Vault, name: str, signature: bytes) -> None:
    refused(by_hand({"alg": name, "typ": "JWT", "kid": kid(vault)}, claims_of(role="admin"), signature))


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
def test_a_mac_keyed_with_the_public_key(vault: Vault, name: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(_private(vault)).public_key()
    raw, spki = serialization.Encoding.Raw, serialization.PublicFormat.SubjectPublicKeyInfo
    forms = [
        key.public_bytes(raw, serialization.PublicFormat.Raw),
        key.public_bytes(serialization.Encoding.PEM, spki),
        key.public_bytes(serialization.Encoding.DER, spki),
        key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        vault.signing["current"]["x"].encode(),
        json.dumps(public_keys(vault.signing)["keys"][0]).encode(),
    ]
    header = {"alg": name, "typ": "JWT", "kid": kid(vault)}
    signing_input = f"{part(header)}.{part(claims_of())}".encode()
    for form in forms:
        mac = hmac.digest(form, signing_input, getattr(hashlib, name.lower().replace("hs", "sha")))
        refused(by_hand(header, claims_of(), mac))


def _private(vault: Vault) -> bytes:
    d = vault.signing["current"]["d"]
    return base64.urlsafe_b64decode(d + "=" * (-len(d) % 4))


def test_another_asymmetric_algorithm(vault: Vault) -> None:
    keys: dict[str, Any] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": Ed25519PrivateKey.generate(),
    }
    for name, key in keys.items():
        refused(jwt.encode(claims_of(), key, algorithm=name, headers={"kid": kid(vault)}))


def test_the_header_may_not_name_another_algorithm_than_the_one_that_signed(vault: Vault) -> None:
    verify(resigned(vault, {"alg": "EdDSA", "kid": kid(vault)}, claims_of()))
    for name in ("none", "HS256", "RS256", "ES256", "eddsa", "EdDSA ", None, 7, ["EdDSA"]):
        refused(resigned(vault, {"alg": name, "kid": kid(vault)}, claims_of()))
    refused(resigned(vault, {"kid": kid(vault)}, claims_of()))


KIDS: list[Any] = [
    "../../../../dev/null", "/dev/null", "/proc/self/environ", "..\\..\\windows\\win.ini", "file:///dev/null",
    "' OR '1'='1", "x' UNION SELECT 'secret'--", "1; DROP TABLE auth.users",
    "https://evil.example/key.json", "http://169.254.169.254/latest/meta-data/", "//evil.example/k",
    "|id", "$(id)", "`id`", "\x00", "a\nb", "auth/signing", "eatit/unit/auth/signing", "refresh", "current",
    "", " ", "__proto__", "x" * 100_000, "ключ", "\ud800", 0, 7, None, True, [], ["a"], {}, {"kid": "a"}, 1.5,
]  # fmt: skip


@pytest.mark.parametrize("odd", KIDS, ids=lambda odd: ascii(odd)[:30])
def test_a_kid_is_only_ever_compared(vault: Vault, odd: Any) -> None:
    """However it is signed: with our key, with none, or with a MAC keyed by what the path would hold, nothing."""
    header = {"alg": "EdDSA", "typ": "JWT", "kid": odd}
    refused(resigned(vault, header, claims_of()))
    refused(by_hand({**header, "alg": "none"}, claims_of()))
    mac = hmac.digest(b"", f"{part({**header, 'alg': 'HS256'})}.{part(claims_of())}".encode(), "sha256")
    refused(by_hand({**header, "alg": "HS256"}, claims_of(), mac))


def test_a_header_without_kid(vault: Vault) -> None:
    refused(resigned(vault, {"alg": "EdDSA", "typ": "JWT"}, claims_of()))


@pytest.mark.parametrize("header", [[], "x", 7, None, True, b"\xff", b"{", b'{"kid":NaN}', b"[" * 10_000], ids=str)
def test_a_header_that_is_no_object(vault: Vault, header: Any) -> None:
    refused(by_hand(header, claims_of(), b"x" * 64))


def _named_keys() -> dict[str, Any]:
    """What a thief would have the verifier take a key from, with the thief's key in it."""
    thief = Vault()
    key = public_keys(thief.signing)["keys"][0]
    return {
        "jwk": key,
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert.pem",
        "x5c": ["MIIB"],
        "x5t": "AAAA",
        "x5t#S256": "AAAA",
    }


@pytest.mark.parametrize("name", list(_named_keys()))
def test_keys_and_their_addresses_in_the_header_count_for_nothing(vault: Vault, name: str) -> None:
    """Unit tests open no sockets: whoever fetched one would fail otherwise than by refusing."""
    thief = Vault()
    value = public_keys(thief.signing)["keys"][0] if name == "jwk" else _named_keys()[name]
    refused(signed(thief, headers={name: value}))
    refused(signed(thief, headers={name: value, "kid": kid(vault)}))
    # Beside our own signature they are but noise.
    verify(signed(vault, headers={name: value}))


@pytest.mark.parametrize("critical", [["exp"], ["b64"], ["x"], [], "x"])
def test_critical_extensions_are_refused_as_none_is_understood(vault: Vault, critical: Any) -> None:
    """RFC 7515, section 4.1.11."""
    refused(resigned(vault, {"alg": "EdDSA", "kid": kid(vault), "crit": critical}, claims_of()))


def test_an_edited_token(vault: Vault) -> None:
    header, claims, signature = signed(vault, role="customer").split(".")
    told = jwt.decode(f"{header}.{claims}.{signature}", options={"verify_signature": False})
    verify(f"{header}.{claims}.{signature}")
    for changed in ({"role": "admin"}, {"sub": told["sid"]}, {"exp": told["exp"] + 900}, {"sid": told["sub"]}):
        refused(f"{header}.{part({**told, **changed})}.{signature}")
    refused(f"{part({'alg': 'EdDSA', 'kid': kid(vault), 'typ': 'at+jwt'})}.{claims}.{signature}")
    for place in (0, 20, 60):
        broken = bytearray(base64.urlsafe_b64decode(signature + "=="))
        broken[place] ^= 1
        refused(f"{header}.{claims}.{part(bytes(broken))}")
    refused(f"{header}.{claims}.")
    refused(f"{header}.{claims}")
    refused(f"{header}.{claims}.{signature}.{signature}")
    refused(f"{header}..{signature}")


def test_a_kept_token_vouches_for_no_other(vault: Vault) -> None:
    """Tokens that were worked through are remembered whole: one that differs by a byte is another."""
    token = signed(vault)
    verify(token)
    for other in (f"{token}=", f" {token}", f"{token}\n", token.swapcase(), f"{token[:-1]}"):
        refused(other)


def test_another_deployments_token(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where both sign with the same key, as a copied secret would have it."""
    verify(signed(vault))
    monkeypatch.setenv("TOKEN_ISSUER", "https://eatit/other")
    settings.cache_clear()
    stranger = signed(vault, iss="https://eatit/other")
    verify(stranger)
    monkeypatch.setenv("TOKEN_ISSUER", ENVIRONMENT["TOKEN_ISSUER"])
    settings.cache_clear()
    import eatit.security

    eatit.security.forget_keys()
    refused(stranger)
    refused(signed(Vault()))


CLAIMS: dict[str, list[Any]] = {
    "iss": ["https://eatit/unit/", "https://eatit/other", "HTTPS://EATIT/UNIT", "", 7, ["https://eatit/unit"], None],
    "aud": ["other", "EATIT", "eatit ", "eatit/", "", 7, [], ["other"], {"eatit": 1}, None],
    "exp": [0, 1, -1, "x", [], {}, 1e400, None],
    "nbf": [2**33, 1e400, "x", [], {}],
    "iat": [2**33, 1e400, "x", [], {}, None],
    "sub": ["", "me", 7, [], "00000000-0000-0000-0000-00000000000g", None],
    "sid": ["", "x", 7, [], None],
    "role": ["", "root", "ADMIN", 3, True, ["admin"], {"admin": 1}, None],
}  # fmt: skip
WRONG = [{name: value} for name, values in CLAIMS.items() for value in values]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_each_claim_wrong_or_missing_in_a_token_that_is_validly_signed(vault: Vault, wrong: dict[str, Any]) -> None:
    verify(signed(vault))
    header = {"alg": "EdDSA", "typ": "JWT", "kid": kid(vault)}
    refused(resigned(vault, header, claims_of(**wrong)))


def test_times_of_a_validly_signed_token(vault: Vault) -> None:
    now = int(time.time())
    verify(signed(vault, nbf=now, iat=now))
    wrongs: list[dict[str, Any]] = [
        {"exp": now - 30},
        {"exp": now - 7},
        {"nbf": now + 30},
        {"iat": now + 30},
        {"iat": now + 30, "exp": now + 900},
    ]
    for wrong in wrongs:
        refused(signed(vault, **wrong))


def test_the_private_half_among_the_public_keys_changes_nothing(vault: Vault) -> None:
    vault.jwks = {"keys": [vault.signing["current"]]}
    verify(signed(vault))
    refused(by_hand({"alg": "none", "kid": kid(vault)}, claims_of()))


def test_the_raw_public_key_is_what_the_tests_take_it_for(vault: Vault) -> None:
    assert Ed25519PrivateKey.from_private_bytes(_private(vault)).public_key().public_bytes_raw() == public(vault)
