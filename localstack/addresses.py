"""Where the servers of a stack are, and how their URLs are read."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from localstack.credentials import Login


@dataclass
class Addresses:
    """Where the servers are. Those of the environment are used as they are; the others are ours."""

    database_url: str = ""
    redis_url: str = ""
    amqp_url: str = ""
    endpoint_url: str = ""
    mail_url: str = ""
    # The Lambda Invoke API: the emulator's own, unless something else serves the functions.
    lambda_url: str = ""
    owner: Login = field(default_factory=lambda: Login("", ""))
    broker: Login = field(default_factory=lambda: Login("", ""))

    def published(self) -> dict[str, str | None]:
        """The servers' part of stack.json. What EatIt doesn't start itself yet is as the environment has it."""
        return {
            "lambda_endpoint_url": self.lambda_url,
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "amqp_url": self.amqp_url,
            "s3_endpoint_url": self.endpoint_url,
            "elasticsearch_url": os.environ.get("ELASTICSEARCH_URL"),
            "telegram_api_url": os.environ.get("TELEGRAM_API_URL"),
            "telegram_bot_token": None,
            "telegram_webhook_secret": None,
        }


def get(url: str, seconds: float) -> tuple[int, str]:
    """Status and text of a GET's answer; 0 and the reason when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return int(answer.status), answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        return 0, str(error)


def without_login(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def login_of(url: str) -> Login:
    """The URL's user and password; RabbitMQ's own defaults where it names none."""
    parts = urlsplit(url)
    return Login(unquote(parts.username or "guest"), unquote(parts.password or "guest"))


def place(url: str) -> str:
    """The URL's host and port."""
    return urlsplit(url).netloc.rpartition("@")[2]
