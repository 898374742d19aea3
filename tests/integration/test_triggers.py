"""The triggers against a real RabbitMQ; a small server stands for the Lambda endpoint, so that it can fail at will."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from localstack import triggers
from localstack.credentials import Login
from localstack.packages import find_program
from localstack.ports import free_port
from localstack.processes import Processes
from localstack.servers import rabbitmq
from localstack.template import ROOT, queues, read

QUEUE = queues(read())[0].name
SECONDS = 20.0
FUNCTIONS = {"BasketSyncFunction": "sync", "OutboxRelayFunction": "relay", "UpkeepFunction": "upkeep"}

pytestmark = pytest.mark.usefixtures("system_packages")


class LambdaEndpoint:
    """What was invoked, and what is answered: `answers` are taken first (status, FunctionError, seconds), then 200."""

    def __init__(self, port: int) -> None:
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[tuple[int, str | None, float]] = queue.Queue()
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint._lock:
                    endpoint._now += 1
                    endpoint.most_at_once = max(endpoint.most_at_once, endpoint._now)
                try:
                    status, error, seconds = endpoint.answers.get_nowait()
                except queue.Empty:
                    status, error, seconds = 200, None, 0.0
                assert self.path == "/2015-03-31/functions/sync/invocations"
                endpoint.events.put(event)
                threading.Event().wait(seconds)  # a function that takes its time
                with endpoint._lock:
                    endpoint._now -= 1
                body = json.dumps({"errorMessage": "no", "errorType": "ValueError"} if error else {}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if error:
                    self.send_header("X-Amz-Function-Error", error)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def bodies(self, event: dict[str, Any]) -> list[str]:
        """The bodies of an event's messages."""
        (messages,) = event["rmqMessagesByQueue"].values()
        return [base64.b64decode(each["data"]).decode() for each in messages]

    def next_event(self) -> dict[str, Any]:
        return self.events.get(timeout=SECONDS)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("triggers")
    (directory / "logs").mkdir()
    processes = Processes(directory)
    yield processes
    processes.end(["rabbitmq"], ["epmd"])


@pytest.fixture(scope="module")
def amqp_url(servers: Processes) -> str:
    return rabbitmq.start(servers, Login("eatit", os.urandom(12).hex()))


@pytest.fixture
def channel(amqp_url: str) -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    opened = connection.channel()
    opened.confirm_delivery()
    opened.queue_delete(QUEUE)
    yield opened
    with contextlib.suppress(pika.exceptions.AMQPError):  # a test may have had it cut
        connection.close()


@pytest.fixture
def endpoint() -> Iterator[LambdaEndpoint]:
    started = LambdaEndpoint(0)
    yield started
    started.stop()


@pytest.fixture
def start(tmp_path: Path, amqp_url: str) -> Iterator[Callable[[LambdaEndpoint], subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def begin(at: LambdaEndpoint) -> subprocess.Popen[bytes]:
        triggers.write_settings(tmp_path, endpoint_url=at.url, amqp_url=amqp_url, functions=FUNCTIONS)
        with (tmp_path / "triggers.log").open("ab") as log:
            running.append(
                subprocess.Popen(triggers.command(tmp_path), cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
            )
        return running[-1]

    yield begin
    for process in running:
        process.terminate()
        assert process.wait(SECONDS) == 0


def declare(channel: BlockingChannel) -> None:
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})


def publish(channel: BlockingChannel, body: str, **properties: Any) -> None:
    channel.basic_publish("", QUEUE, body.encode(), pika.BasicProperties(delivery_mode=2, **properties), mandatory=True)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def left(channel: BlockingChannel) -> int:
    """Messages that nobody holds."""
    return int(channel.queue_declare(QUEUE, passive=True).method.message_count)


def test_event_has_the_shape_of_amazon_mq(channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any) -> None:
    declare(channel)
    publish(
        channel, '{"name":"Чай"}',
        content_type="application/json", message_id="019aa7c0-0000-7000-8000-000000000001",
        type="store.product.changed", timestamp=1795284000, headers={"schema_version": 1, "trace_id": "trace-1"},
    )  # fmt: skip
    start(endpoint)

    expected = json.loads((ROOT / "tests" / "events" / "rabbitmq_products.json").read_text(encoding="utf-8"))
    assert endpoint.next_event() == expected


def test_queue_is_waited_for_and_nothing_is_lost(
    channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any
) -> None:
    process = start(endpoint)
    declare(channel)
    for number in range(200):
        publish(channel, str(number))

    received: list[str] = []
    while len(received) < 200:
        received += endpoint.bodies(endpoint.next_event())
    assert received == [str(number) for number in range(200)]
    assert endpoint.most_at_once == 1
    process.terminate()
    assert process.wait(SECONDS) == 0
    wait_for(lambda: left(channel) == 0)


@pytest.mark.parametrize(
    "answer",
    [(200, "Unhandled", 0.0), (429, None, 0.0), (500, None, 0.0)],
    ids=["function error", "throttled", "server error"],
)
def test_failed_batch_comes_again_whole(
    channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any, answer: tuple[int, str | None, float]
) -> None:
    declare(channel)
    for number in range(3):
        publish(channel, str(number))
    endpoint.answers.put(answer)
    start(endpoint)

    first, second = endpoint.next_event(), endpoint.next_event()
    assert endpoint.bodies(first) == endpoint.bodies(second) == ["0", "1", "2"]
    (again,) = second["rmqMessagesByQueue"].values()
    assert all(message["redelivered"] for message in again)


def test_unfinished_batch_stays_with_the_broker(channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any) -> None:
    declare(channel)
    publish(channel, "kept")
    endpoint.answers.put((200, "Unhandled", 0.0))
    process = start(endpoint)
    endpoint.next_event()
    process.terminate()
    assert process.wait(SECONDS) == 0
    wait_for(lambda: left(channel) == 1)


def test_emulator_comes_back(channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any) -> None:
    declare(channel)
    port = free_port()
    gone = LambdaEndpoint(port)
    start(gone)
    publish(channel, "before")
    assert gone.bodies(gone.next_event()) == ["before"]
    gone.stop()
    publish(channel, "meanwhile")
    back = LambdaEndpoint(port)
    assert back.bodies(back.next_event()) == ["meanwhile"]
    back.stop()


def test_message_is_given_within_milliseconds(channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any) -> None:
    declare(channel)
    start(endpoint)
    publish(channel, "first")
    endpoint.next_event()
    took = []
    for number in range(50):
        begun = time.perf_counter()
        publish(channel, str(number))
        endpoint.next_event()
        took.append(time.perf_counter() - begun)
    assert sorted(took)[25] < 0.05


def test_broker_comes_back(servers: Processes, channel: BlockingChannel, endpoint: LambdaEndpoint, start: Any) -> None:
    """The broker stops with a batch in flight and starts again: what wasn't acknowledged comes again."""
    declare(channel)
    start(endpoint)
    publish(channel, "before")
    assert endpoint.bodies(endpoint.next_event()) == ["before"]
    endpoint.answers.put((200, None, 1.0))
    publish(channel, "cut off")
    endpoint.next_event()
    control = find_program("rabbitmqctl")
    broker = next(entry for entry in servers.entries if entry.name == "rabbitmq")
    environment = dict(
        line.split("=", 1) for line in Path(f"/proc/{broker.pid}/environ").read_text().split("\0") if "=" in line
    )
    for verb in ("stop_app", "start_app"):
        subprocess.run([str(control), verb], env=environment, check=True, capture_output=True, timeout=60)
    assert endpoint.bodies(endpoint.next_event()) == ["cut off"]


@pytest.mark.usefixtures("channel")
def test_signal_ends_it_while_it_waits(tmp_path: Path, endpoint: LambdaEndpoint, start: Any) -> None:
    process = start(endpoint)
    wait_for(lambda: "waiting" in (tmp_path / "triggers.log").read_text() or process.poll() is not None)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(SECONDS) == 0
    assert json.loads((tmp_path / "triggers.log").read_text().splitlines()[-1])["message"] == "ended"
