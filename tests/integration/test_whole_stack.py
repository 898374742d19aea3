"""The whole local stack as `make up` brings it: what it leaves in stack.json, and what lives through a restart."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import psycopg
import pytest
import requests

from localstack import credentials
from localstack.deploy import get_secret
from localstack.invocation import invoke
from localstack.ports import free_port
from localstack.processes import marked, wait_until
from localstack.template import ROOT, functions, read
from tests.integration.terminals import bare_environment
from tests.secrets_seen import note_body, watch

BURST = 100


class Shop:
    """A stack of its own, without demo goods."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        watch(directory)
        self.environment = bare_environment()

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.module("localstack", *words)

    def module(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", name, *words[:1], "--directory", str(self.directory), *words[1:]],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def up(self) -> None:
        done = self.call("up", "--port", "0", "--no-demo")
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def stack(self) -> dict[str, Any]:
        return dict(json.loads((self.directory / "stack.json").read_text()))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    own = Shop(tmp_path_factory.mktemp("whole") / "run")
    try:
        own.up()
        yield own
    finally:
        own.call("stop")
    assert marked(own.directory) == []


def test_stack_json_says_all_that_the_contract_promises(shop: Shop) -> None:
    stack = shop.stack
    promised = {
        "url", "gateway_url", "lambda_endpoint_url", "database_url", "redis_url", "amqp_url", "s3_endpoint_url",
        "elasticsearch_url", "mail_dir", "telegram_api_url", "telegram_bot_token", "telegram_webhook_secret", "users",
        "pids",
    }  # fmt: skip
    assert promised <= stack.keys()
    assert stack["pids"].keys() == {"postgres", "redis", "rabbitmq", "nginx", "emulator", "triggers", "mail"}
    for pid in stack["pids"].values():
        os.kill(pid, 0)
    assert stack["functions"].keys() == functions(read()).keys()
    assert "@" not in stack["environment"]["DATABASE_URL"]
    for group in ("auth", "store", "basket"):
        assert requests.get(f"{stack['gateway_url']}/{group}/health", timeout=30).json()["status"] == "ok"


def test_a_burst_from_one_address_is_served_whole(shop: Shop) -> None:
    url = f"{shop.stack['url']}/store/products"
    statuses: Counter[int] = Counter()

    def ask() -> None:
        statuses[requests.get(url, timeout=60).status_code] += 1

    threads = [threading.Thread(target=ask) for _ in range(BURST)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {200: BURST}


def test_one_function_can_be_called_alone(shop: Shop) -> None:
    done = shop.call("invoke", "ResyncFunction", "{}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["products"] == 0
    unknown = shop.call("invoke", "NoSuchFunction")
    assert unknown.returncode == 1
    assert "ResyncFunction" in unknown.stderr


def test_the_events_are_shown_and_what_is_parked_goes_back(shop: Shop) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(shop.stack["amqp_url"]))
    channel = connection.channel()
    properties = pika.BasicProperties(message_id="spoilt-1", delivery_mode=2)
    channel.confirm_delivery()
    channel.basic_publish("", "basket.product-sync", b"garbage", properties, mandatory=True)
    told = ""

    def shows() -> bool:
        nonlocal told
        done = shop.module("localstack.events")
        assert done.returncode == 0, done.stderr
        told = done.stdout
        return "spoilt-1" in told

    assert wait_until(shows, 60)
    assert "No event waits in the outbox." in told
    assert re.search(r"^basket.product-sync +0 +1 +0 +– +1$", told, re.M), told
    assert re.search(r"spoilt-1  –  not JSON", told), told
    done = shop.module("localstack.events", "--replay=basket.product-sync")
    assert re.fullmatch(r"1 messages went back into basket.product-sync, [01] are parked now.\n", done.stdout), done
    assert wait_until(shows, 60)
    channel.queue_purge("basket.product-sync.parked")
    connection.close()
    assert shop.module("localstack.events", "--replay=").returncode == 2
    unknown = shop.module("localstack.events", "--replay=none.such")
    known = "basket.product-sync, auth.mail, store.imports"
    assert (unknown.returncode, unknown.stderr) == (1, f"eatit: There is no queue none.such; there are {known}.\n")


def test_the_books_are_looked_at_with_one_command(shop: Shop) -> None:
    def looked() -> tuple[int, str]:
        done = shop.module("localstack.check_books", "--grace=60")
        return done.returncode, done.stdout + done.stderr

    status, said = looked()
    assert (status, said.splitlines()[-1].startswith("The books of the local stack balance (")) == (0, True), said
    stranger = "019aa7c0-0000-7000-8000-000000000001"
    with psycopg.connect(shop.stack["database_url"], autocommit=True) as owner:
        owner.execute("INSERT INTO basket.stock (product_id, version, available) VALUES (%s, 7, 1)", [stranger])
        status, said = looked()
        owner.execute("DELETE FROM basket.stock WHERE product_id = %s", [stranger])
    assert (status, f"product_id={stranger} copied=7" in said) == (1, True), said
    assert said.splitlines()[-1].startswith("The books of the local stack do NOT balance: stock_copies_newer (")
    assert looked()[0] == 0


def test_the_quick_loop_serves_the_three_apps(shop: Shop) -> None:
    port = free_port()
    command = [sys.executable, "-m", "localstack.dev", "--directory", str(shop.directory), "--port", str(port)]
    child = subprocess.Popen(command, cwd=ROOT, env=shop.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def serves() -> bool:
        assert child.poll() is None, "it ended"
        try:
            return requests.get(f"http://127.0.0.1:{port}/auth/health", timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    try:
        assert wait_until(serves, 60)
        for group in ("store", "basket"):
            assert requests.get(f"http://127.0.0.1:{port}/{group}/health", timeout=30).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/else", timeout=30).status_code == 404
    finally:
        child.terminate()
        child.communicate(timeout=30)
    assert shop.call("status").returncode == 0


def test_tokens_users_and_photos_live_through_a_restart(shop: Shop) -> None:
    stack = shop.stack
    user = stack["users"]["customer"]
    session = requests.post(f"{stack['url']}/auth/login", json=user, timeout=30).json()
    note_body([user, session])
    # Twice, so that what was kept at the start knows nothing of the key that signs now.
    told = [invoke("KeyRotationFunction", {"action": "rotate"}, directory=shop.directory) for _ in range(2)]
    kept = credentials.load(shop.directory / "secrets.json").written
    assert kept["auth/signing"]["current"]["kid"] == told[-1]["current"]  # at once, should the stack be killed
    photo = f"{stack['environment']['PHOTOS_URL']}/photos/kept/small.webp"
    assert requests.put(photo, data=b"kept", headers={"Content-Type": "image/webp"}, timeout=30).status_code == 200
    assert shop.call("stop").returncode == 0
    shop.up()
    again = shop.stack
    seen = requests.get(photo, timeout=30)
    assert (seen.status_code, seen.content, seen.headers["Content-Type"]) == (200, b"kept", "image/webp")
    assert again["users"] == stack["users"]
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    for name, value in kept.items():
        assert get_secret(again["s3_endpoint_url"], f"{again['secrets_prefix']}/{name}") == value
    published = requests.get(f"{again['url']}/auth/.well-known/jwks.json", timeout=30).json()["keys"]
    assert [key["kid"] for key in published] == told[-1]["kids"]
    me = requests.get(f"{again['url']}/auth/me", headers=bearer, timeout=30)
    assert (me.status_code, me.json()["email"]) == (200, user["email"])
    fresh = requests.post(f"{again['url']}/auth/refresh", json={"refresh_token": session["refresh_token"]}, timeout=30)
    assert fresh.status_code == 200
