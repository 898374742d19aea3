"""The most memory that AuthFunction's process takes, as built: imported, then after many requests of the dear kinds."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.performance.benchmarks.accounts import PASSWORD, addresses, made_accounts, post, unknown_emails
from tests.performance.benchmarks.figures import Figure
from tests.performance.cold_start import HANDLERS, HELLO, Laid, Ratio
from tests.performance.extension import extension, secrets_of
from tests.performance.requests_of import Shop

EACH = 100

# What the kernel says of the process itself: `getrusage` would tell of its parent's peak as well.
_CHILD = """
import sys, json
sys.path[:0] = sys.argv[3:5]
sys.path.append(sys.argv[5])
import importlib
given = json.loads(sys.argv[2])

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))

interpreter = peak()
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
imported = peak()
places = iter(given.get("addresses", ()))

def ask(kind, path, body, status):
    event = {**given["event"], "path": path, "pathParameters": {"proxy": path.partition("/auth/")[2]}}
    event["body"] = json.dumps(body)
    event["requestContext"]["identity"]["sourceIp"] = next(places)
    answer = handler(event, None)
    assert answer["statusCode"] == status, (kind, answer)
    return json.loads(answer["body"])

password = given.get("password")
tokens = [ask("login", "/auth/login", {"email": email, "password": password}, 200)["refresh_token"]
          for email in given.get("known", ())]
logged_in = peak()
for email in given.get("unknown", ()):
    ask("register", "/auth/register", {"email": email, "password": password}, 201)
for token in tokens:
    ask("refresh", "/auth/refresh", {"refresh_token": token}, 200)
print(json.dumps({"interpreter": interpreter, "imported": imported, "logged_in": logged_in, "served": peak()}))
"""


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """Peak memory beside that of a FastAPI hello once imported; here the columns of milliseconds are megabytes."""
    settings = {name: value for name, value in stack["environment"].items() if "AWS" not in name}
    known, unknown = made_accounts(stack, EACH), list(itertools.islice(unknown_emails(), EACH))
    given = {
        "event": post("/auth/login", {}, "127.0.0.1"), "known": known, "unknown": unknown, "password": PASSWORD,
        "addresses": list(itertools.islice(addresses(), 3 * EACH)),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as home, extension(secrets_of(stack)) as secrets:
        laid = Laid(Path(home))
        hello = laid.run(_CHILD, HELLO, {}, {**settings, **secrets})
        taken = laid.run(_CHILD, HANDLERS["AuthFunction"], given, {**settings, **secrets})

    def beside(part: str) -> Ratio:
        # /proc tells KiB, and a figure shows a thousand times what it holds.
        return Ratio.of([taken[part] * 1024 / 1e9], [hello["imported"] * 1024 / 1e9])

    peer, told = "hello: imported", "in the columns of milliseconds: MB"
    return [
        Figure("AuthFunction: peak memory, imported", peer, beside("imported"), also=told),
        Figure(
            f"AuthFunction: peak memory, after {EACH} logins, registrations and refreshes each", peer,
            beside("served"), also=told,
        ),
    ]  # fmt: skip
