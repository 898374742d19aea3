"""Access tokens that nearly hold, by what is wrong with them: the known attacks (RFC 8725)."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Claims = dict[str, Any]
KIDS = {
    "a path": "../../../../dev/null",
    "a file of the function's": "/proc/self/environ",
    "SQL": "' UNION SELECT 'secret' --",
    "a URL": "http://169.254.169.254/latest/meta-data/",
    "a secret's name": "auth/signing",
    "a command": "|id",
    "NUL": "\x00",
    "a kilobyte": "k" * 1024,
    "nobody's": "nobodys",
    "an empty text": "",
    "a number": 7,
    "a list": ["a"],
    "null": None,
}


def part(value: Any) -> str:
    """A token's part."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def bad_tokens(claims: Claims, key: Ed25519PrivateKey, kid: str) -> dict[str, str]:
    """What a thief would send, and what our own key never should have signed; `claims` are sound ones."""
    public = key.public_key().public_bytes_raw()

    def signed(header: dict[str, Any] | None = None, *, by: Ed25519PrivateKey = key, **changes: Any) -> str:
        told = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        head = {"alg": "EdDSA", "typ": "JWT", "kid": kid, **(header or {})}
        signing_input = f"{part(head)}.{part(told)}"
        return f"{signing_input}.{base64.urlsafe_b64encode(by.sign(signing_input.encode())).rstrip(b'=').decode()}"

    def mac(keyed_with: bytes, named: Any = kid) -> str:
        signing_input = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': named})}.{part(claims)}"
        digest = hmac.digest(keyed_with, signing_input.encode(), hashlib.sha256)
        return f"{signing_input}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    now = int(time.time())
    thief = Ed25519PrivateKey.generate()
    x = base64.urlsafe_b64encode(thief.public_key().public_bytes_raw()).rstrip(b"=").decode()
    own_key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}
    whole = signed()
    head, body, signature = whole.split(".")
    encoded = base64.urlsafe_b64encode(public).rstrip(b"=")
    return {
        "malformed": "x",
        "two parts": f"{head}.{body}",
        "four parts": f"{whole}.x",
        "not base64": f"{head}.!!!.{signature}",
        "a cut signature": whole[:-4],
        "no signature": f"{head}.{body}.",
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{body}.",
        "alg None, signed": f"{part({'alg': 'None', 'typ': 'JWT', 'kid': kid})}.{body}.{signature}",
        "HS256 keyed with the public key": mac(public),
        "HS256 keyed with the public key as it is published": mac(encoded),
        "HS256 keyed with nothing, its kid an empty file": mac(b"", "/dev/null"),
        "another algorithm named over a signature of ours": signed({"alg": "ES256"}),
        "a foreign key": signed(by=thief),
        "a foreign key in jwk": signed({"jwk": own_key}, by=thief),
        "a foreign key in jwk, with its kid": signed({"jwk": {**own_key, "kid": "own"}, "kid": "own"}, by=thief),
        "a foreign key by jku": signed({"jku": "https://evil.example/jwks.json"}, by=thief),
        "a foreign key by x5u": signed({"x5u": "https://evil.example/cert.pem", "kid": "own"}, by=thief),
        "a foreign key in x5c": signed({"x5c": ["MIIB"]}, by=thief),
        **{f"a kid that is {what}": signed({"kid": odd}) for what, odd in KIDS.items()},
        "no kid": jwt.encode(claims, key, algorithm="EdDSA"),
        "an unknown critical extension": signed({"crit": ["b64"], "b64": False}),
        "expired": signed(iat=now - 1000, exp=now - 100),
        "not valid yet": signed(nbf=now + 600),
        "from the future": signed(iat=now + 600, exp=now + 1500),
        "another issuer": signed(iss="https://elsewhere"),
        "another deployment's": signed(iss=f"{claims['iss']}2"),
        "another deployment's, and its key": signed(iss=f"{claims['iss']}2", by=thief),
        "another audience": signed(aud="elsewhere"),
        **{
            f"no {name}": signed(None, by=key, **{name: None})
            for name in ("iss", "aud", "exp", "iat", "sub", "sid", "role")
        },
        "an expiry that is no number": signed(exp="never"),
        "an unknown role": signed(role="owner"),
        "a role that is a list": signed(role=["admin"]),
        "a subject that is no id": signed(sub="me"),
        "a higher role by hand": f"{head}.{part({**claims, 'role': 'admin'})}.{signature}",
        "a later end by hand": f"{head}.{part({**claims, 'exp': claims['exp'] + 900})}.{signature}",
        "another user by hand": f"{head}.{part({**claims, 'sub': claims['sid']})}.{signature}",
    }
