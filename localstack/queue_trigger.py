"""Consumes one RabbitMQ queue and calls one function with its messages, as an Amazon MQ event source does."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.spec import Basic, BasicProperties

from localstack import rmq_event
from localstack.rmq_event import Message
from localstack.template import Queue

# Calls the function with an event; raises CallFailed when it must be called again.
Call = Callable[[str, dict[str, Any]], None]
Log = Callable[..., None]

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
RECONNECT_PAUSE, LONGEST_RECONNECT_PAUSE = 0.1, 2.0
QUEUE_POLL = 0.1
# A batch that fails is kept and tried again; after this long it goes back to the broker, which counts deliveries and
# closes channels that hold a message for half an hour.
HELD_SECONDS = 300.0
# Messages that come within this time of the first go along. Short: a lone message shouldn't wait for company.
WINDOW_SECONDS = 0.002
# Lambda takes 6 MB; bodies grow by a third as base64, and properties come on top.
BATCH_BYTES = 4_000_000
# What a call in flight gets when the triggers are told to end.
LAST_CALL_SECONDS = 5.0


class CallFailed(Exception):
    """The function raised, timed out or was throttled: the same messages must be given again."""


class Unreachable(CallFailed):
    """There was nobody to call: an emulator that starts again, which is asked more often than a function that fails."""


class _Gone(Exception):
    """The broker cancelled the consumer: the queue was deleted, or its leader is moving."""


class QueueTrigger(threading.Thread):
    """Feeds one function from one queue, one batch at a time, until it is stopped.

    A message is acknowledged only after the function has answered without an error. Until then it is kept and given
    again, with pauses of 0.5 s growing to 30 s; the whole batch, as Lambda does. It outlives the broker and the
    emulator: it connects again, and waits for a queue that isn't there yet.
    """

    def __init__(self, queue: Queue, amqp_url: str, call: Call, log: Log) -> None:
        super().__init__(name=f"queue-{queue.name}", daemon=True)
        self._queue = queue
        self._url = amqp_url
        self._call = call
        self._log = log
        self._ending = threading.Event()
        self._connection: BlockingConnection | None = None
        self._waiting: deque[Message] = deque()
        self._in_flight: threading.Thread | None = None

    def end(self) -> None:
        """Ask it to end: a call in flight is waited for shortly, what isn't acknowledged stays with the broker."""
        self._ending.set()
        self._wake()

    def run(self) -> None:
        pause = RECONNECT_PAUSE
        while not self._ending.is_set():
            since = time.monotonic()
            try:
                self._connect_and_consume()
            except (pika.exceptions.AMQPError, OSError, _Gone) as error:
                self._log("connection lost", level="WARNING", queue=self._queue.name, reason=_reason(error))
            finally:
                self._close()
            # Never two calls at once, even over a lost connection.
            if self._in_flight is not None:
                self._in_flight.join(LAST_CALL_SECONDS if self._ending.is_set() else None)
            pause = RECONNECT_PAUSE if time.monotonic() - since > 5 else min(pause * 2, LONGEST_RECONNECT_PAUSE)
            self._ending.wait(pause)

    def _connect_and_consume(self) -> None:
        parameters = pika.URLParameters(self._url)
        parameters.heartbeat = 30
        parameters.socket_timeout = 5
        parameters.stack_timeout = 10
        parameters.blocked_connection_timeout = None
        parameters.client_properties = {"connection_name": f"eatit trigger {self._queue.name}"}
        self._waiting.clear()
        self._connection = BlockingConnection(parameters)
        channel = self._channel_with_queue(self._connection)
        if channel is None:
            return
        gone = threading.Event()
        channel.add_on_cancel_callback(lambda _frame: gone.set())
        channel.basic_qos(prefetch_count=self._queue.batch_size)
        channel.basic_consume(self._queue.name, self._take)
        self._log("consuming", queue=self._queue.name, function=self._queue.function)
        while not self._ending.is_set():
            if gone.is_set():
                raise _Gone("the broker cancelled the consumer")
            if not self._waiting:
                self._connection.process_data_events(time_limit=1)
                continue
            self._gather(self._connection)
            self._give(self._connection, channel, parameters.virtual_host)

    def _channel_with_queue(self, connection: BlockingConnection) -> BlockingChannel | None:
        said = False
        while not self._ending.is_set():
            channel = connection.channel()
            try:
                channel.queue_declare(self._queue.name, passive=True)
                return channel
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code != 404:
                    raise
            if not said:
                self._log("waiting for the queue", queue=self._queue.name)
                said = True
            connection.sleep(QUEUE_POLL)
        return None

    def _take(self, _channel: Any, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        self._waiting.append(Message(method.delivery_tag or 0, bool(method.redelivered), properties, body))

    def _gather(self, connection: BlockingConnection) -> None:
        until = time.monotonic() + WINDOW_SECONDS
        while len(self._waiting) < self._queue.batch_size and (left := until - time.monotonic()) > 0:
            connection.process_data_events(time_limit=left)

    def _give(self, connection: BlockingConnection, channel: BlockingChannel, virtual_host: str) -> None:
        """Call the function with one batch until it succeeds, then acknowledge it."""
        messages = self._next_batch()
        pause, since, tries = FIRST_PAUSE, time.monotonic(), 0
        while True:
            tries += 1
            event = rmq_event.batch(self._queue.name, virtual_host, messages, again=tries > 1)
            begun = time.monotonic()
            failure = self._call_meanwhile(connection, event)
            if failure is None:
                channel.basic_ack(messages[-1].delivery_tag, multiple=True)
                self._log("batch given", queue=self._queue.name, messages=len(messages), tries=tries,
                          milliseconds=round((time.monotonic() - begun) * 1000, 1))  # fmt: skip
                return
            if self._ending.is_set():
                return
            self._log("batch failed", level="WARNING", queue=self._queue.name, messages=len(messages), tries=tries,
                      pause_seconds=pause, reason=_reason(failure))  # fmt: skip
            self._pause(connection, pause)
            pause = min(pause * 2, LONGEST_RECONNECT_PAUSE if isinstance(failure, Unreachable) else LONGEST_PAUSE)
            if self._ending.is_set():
                return
            if time.monotonic() - since > HELD_SECONDS:
                last = self._waiting[-1] if self._waiting else messages[-1]
                self._waiting.clear()
                channel.basic_nack(last.delivery_tag, multiple=True, requeue=True)
                return

    def _next_batch(self) -> list[Message]:
        messages = [self._waiting.popleft()]
        size = len(messages[0].body)
        while self._waiting and len(messages) < self._queue.batch_size:
            size += len(self._waiting[0].body)
            if size > BATCH_BYTES:
                break
            messages.append(self._waiting.popleft())
        return messages

    def _call_meanwhile(self, connection: BlockingConnection, event: dict[str, Any]) -> Exception | None:
        """Call the function in a thread while this one answers heartbeats. Its failure, or None."""
        outcome: list[Exception | None] = []

        def call() -> None:
            try:
                self._call(self._queue.function, event)
                outcome.append(None)
            except Exception as error:  # whatever it was, the messages aren't done
                outcome.append(error)
            finally:
                self._wake()

        self._in_flight = threading.Thread(target=call, daemon=True)
        self._in_flight.start()
        deadline: float | None = None
        while self._in_flight.is_alive() and not outcome:
            if self._ending.is_set():
                deadline = deadline or time.monotonic() + LAST_CALL_SECONDS
                if time.monotonic() > deadline:
                    return CallFailed("told to end")
            connection.process_data_events(time_limit=1)
        return outcome[0] if outcome else CallFailed("the call ended without an answer")

    def _pause(self, connection: BlockingConnection, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._ending.is_set() and (left := until - time.monotonic()) > 0:
            connection.process_data_events(time_limit=min(left, 1))

    def _wake(self) -> None:
        connection = self._connection
        if connection is not None:
            # Refused once it is closed, and whoever waits on it has been woken by that.
            with contextlib.suppress(pika.exceptions.ConnectionWrongStateError):
                connection.add_callback_threadsafe(lambda: None)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            if connection is not None and connection.is_open:
                connection.close()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, CallFailed) else f"{type(error).__name__}: {error}".rstrip(": ")
