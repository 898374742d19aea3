"""Brings the local stack up, step by step, and writes `stack.json`, by which it is known to be ready."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from localstack import build, credentials, deploy, packages, run_directory, second_factor, triggers
from localstack.addresses import Addresses, get, login_of, place, without_login
from localstack.credentials import Login
from localstack.failures import StackFailure, Stopped, last_words
from localstack.ports import LOOPBACK, free_port, is_free
from localstack.processes import Processes
from localstack.servers import edge, emulator, mail, postgres, rabbitmq, valkey
from localstack.template import ROOT

Done = TypeVar("Done")

STAGE = "local"
SECRETS_PREFIX = f"eatit/{STAGE}"
GROUPS = ("auth", "store", "basket")
# Secrets that the functions write and that have to outlive the emulator.
WRITTEN_SECRETS = ("auth/signing", "auth/jwks")
ROLES = ("admin", "staff", "customer")
MAIL_FROM = "EatIt <no-reply@eatit.example>"
# A name that stays, so that photos are found again after a restart.
FILES_BUCKET = "eatit-files"
# What a shop may decide in the environment of `make run`: the template's parameter, the variable, what stands else.
SHOP_RULES = (
    ("DeliveryFee", "DELIVERY_FEE", "0"),
    ("DeliveryFreeFrom", "DELIVERY_FREE_FROM", "0"),
    ("MinimumOrder", "MINIMUM_ORDER", "0"),
    ("PaymentMinutes", "PAYMENT_MINUTES", "30"),
    ("OpenCashOrders", "OPEN_CASH_ORDERS", "0"),
)
HEALTH_SECONDS = 30
HEALTH_PAUSE = 0.2
# Started beforehand for each group, so that the first visitors wait for none.
WARM_WORKERS = 2


@dataclass
class Options:
    """What the caller of `run` or `up` may choose."""

    directory: Path
    port: int = 8080
    demo: bool = True
    # For work on the servers themselves: nothing is built, deployed or seeded.
    servers_only: bool = False


class Stack:
    """One local stack. `bring_up` may be called once, in any thread; `processes.end` ends what it started."""

    # Whose log tells what the functions said.
    FUNCTIONS_LOG = "emulator.log"

    def __init__(self, options: Options, processes: Processes, say: Callable[[str], None]) -> None:
        self.options = options
        self.processes = processes
        self.say = say
        self.secrets_file = options.directory / "secrets.json"
        self.secrets = credentials.load(self.secrets_file)
        self.at = Addresses()
        # Where the edge will answer; the functions are told before it does.
        self.port = options.port or free_port()

    def bring_up(self) -> dict[str, Any]:
        """Every step from an empty machine to a shop that answers. Answers what it wrote into stack.json.

        Raises StackFailure, one plain sentence; Stopped, when someone asked for an end meanwhile.
        """
        second_factor.policy()
        if self.options.port and not is_free(self.options.port):
            raise edge.port_taken(self.options.port)
        wanted = ("nginx",) if os.environ.get("AMQP_URL") else ("rabbitmq-server", "nginx")
        packages.install_missing(wanted, log=self.processes.logs / "packages.log", progress=self.say)
        self._check()
        steps: dict[str, Callable[[], object]] = {
            "postgres": self._postgres,
            "redis": self._redis,
            "rabbitmq": self._rabbitmq,
            "emulator": self._emulator,
            "mail": self._mail,
        }
        if not self.options.servers_only:
            steps["build"] = self._build
        built = self._together(steps).get("build")
        if self.options.servers_only:
            return self._write({}, "", "", {})
        assert isinstance(built, build.Built)
        deployment = self._deploy(built)
        self._together(
            {
                "triggers": lambda: self._triggers(deployment),
                "edge": lambda: edge.start(
                    self.processes, port=self.port, gateway_url=deployment.gateway_url, stage=STAGE
                ),
                "warm": lambda: self._warm(deployment.gateway_url),
            }
        )
        url = f"http://127.0.0.1:{self.port}"
        self._healthy(url)
        users = self._seed(url, deployment)
        return self._write(deployment.functions, url, deployment.gateway_url, users)

    # The servers

    def _postgres(self) -> None:
        given = os.environ.get("DATABASE_URL")
        admin = given or postgres.start(self.processes, self.secrets.postgres)
        self.at.database_url, self.at.owner = postgres.own_database(admin, self.secrets.owner)
        self.say(f"Postgres {'is used' if given else 'is ready'} at {place(self.at.database_url)}")

    def _redis(self) -> None:
        given = os.environ.get("REDIS_URL")
        self.at.redis_url = valkey.given(given) if given else valkey.start(self.processes)
        self.say(f"{'Redis is used' if given else 'Valkey is ready'} at {place(self.at.redis_url)}")

    def _rabbitmq(self) -> None:
        given = os.environ.get("AMQP_URL")
        ours = Login("eatit", self.secrets.broker)
        self.at.amqp_url = rabbitmq.given(given) if given else rabbitmq.start(self.processes, ours)
        self.at.broker = login_of(self.at.amqp_url)
        self.say(f"RabbitMQ {'is used' if given else 'is ready'} at {place(self.at.amqp_url)}")

    def _emulator(self) -> None:
        given = os.environ.get("AWS_ENDPOINT_URL")
        self.at.endpoint_url = (given or emulator.start(self.processes)).rstrip("/")
        if given and not emulator.healthy(given):
            raise StackFailure(
                f"No AWS emulator answers at AWS_ENDPOINT_URL, {given}: start it, or unset the variable."
            )
        self.at.lambda_url = self.at.endpoint_url
        self.say(f"the AWS emulator {'is used' if given else 'is ready'} at {self.at.endpoint_url}")

    def _mail(self) -> None:
        given = os.environ.get("MAIL_URL")
        self.at.mail_url = mail.given(given) if given else mail.start(self.processes)
        if given:
            self.say(f"mail goes to {given}")
        else:
            self.say(f"mail is laid into {mail.folder(self.processes.run_directory)}")

    # The functions

    def _build(self) -> build.Built:
        # An emulator of ours runs functions under this very interpreter, which holds the locked third-party code.
        # One that is given, such as LocalStack, holds none and mounts no layers: everything goes into the artefacts.
        given = bool(os.environ.get("AWS_ENDPOINT_URL"))
        built = build.build(layers=False, vendored=given)
        self.say(f"functions are built for Python {built.python}")
        return built

    def parameters(self) -> dict[str, str]:
        """The template's parameters for these servers."""
        return {
            "DatabaseUrl": without_login(self.at.database_url),
            "RedisUrl": self.at.redis_url,
            "AmqpUrl": without_login(self.at.amqp_url),
            "CorsOrigins": "http://localhost:*,http://127.0.0.1:*",
            "MailUrl": self.at.mail_url,
            "MailFrom": os.environ.get("MAIL_FROM") or MAIL_FROM,
            "ShopUrl": os.environ.get("SHOP_URL", ""),
            "SecondFactor": second_factor.policy(),
            **{name: os.environ.get(variable) or default for name, variable, default in SHOP_RULES},
            "PublicUrl": f"http://{LOOPBACK}:{self.port}",
            "FilesBucketName": FILES_BUCKET,
            "S3Url": self.at.endpoint_url,
            "PhotosUrl": f"{self.at.endpoint_url}/{FILES_BUCKET}",
            # An emulator tells its functions by itself where it is.
            "AwsEndpointUrl": "",
            # Limits are for clients gone wild; a laptop's tests are not.
            "ThrottleRate": "5000",
            "ThrottleBurst": "5000",
            # All of them come from one address. An account's own limit is the same everywhere.
            "AddressWrongPasswords": "100000 per minute",
            "NetworkWrongPasswords": "100000 per minute",
            "AddressRequests": "100000 per minute",
            "NetworkRequests": "100000 per minute",
            "AddressRegistrations": "100000 per minute",
            "AccountMails": "100000 per minute",
        }

    def _deploy(self, built: build.Built) -> deploy.Deployment:
        self._check()
        endpoint = self.at.endpoint_url
        for name, login in (("database/owner", self.at.owner), ("broker", self.at.broker)):
            value = {"username": login.username, "password": login.password}
            deploy.put_secret(endpoint, f"{SECRETS_PREFIX}/{name}", value)
        deployment = self._stand(built)
        for name, kept in self.secrets.written.items():
            deploy.put_secret(endpoint, f"{SECRETS_PREFIX}/{name}", kept)
        self.say(f"{len(deployment.functions)} functions are deployed")
        self._together(
            {
                "migrate": lambda: self._invoke(deployment, "MigrateFunction", {}),
                "keys": lambda: self._invoke(deployment, "KeyRotationFunction", {"action": "ensure"}),
            }
        )
        self.keep_written_secrets()
        self.say("the database is migrated, signing keys are in place")
        return deployment

    def _stand(self, built: build.Built) -> deploy.Deployment:
        return deploy.deploy(self.at.endpoint_url, stage=STAGE, parameters=self.parameters(), built=built)

    def _invoke(self, deployment: deploy.Deployment, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return deploy.invoke(self.at.lambda_url, deployment.functions[name], event)
        except deploy.InvocationFailed as failure:
            log = self.processes.logs / self.FUNCTIONS_LOG
            raise StackFailure(f"{failure}: see {log} for the whole of it.") from failure

    def keep_written_secrets(self) -> None:
        """Takes what the functions wrote into the emulator over into secrets.json."""
        if self.at.endpoint_url:
            kept = {
                name: deploy.get_secret(self.at.endpoint_url, f"{SECRETS_PREFIX}/{name}") for name in WRITTEN_SECRETS
            }
            self.secrets.written = {name: value for name, value in kept.items() if value}
            credentials.save(self.secrets_file, self.secrets)

    def leave(self) -> None:
        """Lets go of what isn't a process, once the processes have ended."""

    def _triggers(self, deployment: deploy.Deployment) -> None:
        directory = self.options.directory
        triggers.write_settings(
            directory,
            endpoint_url=self.at.lambda_url,
            amqp_url=self.at.amqp_url,
            functions=deployment.functions,
        )
        self.processes.start("triggers", triggers.command(directory), directory=ROOT)

    # The shop

    def _warm(self, gateway_url: str) -> None:
        def call(group: str) -> None:
            get(f"{gateway_url}/{group}/health", 60)

        with ThreadPoolExecutor(len(GROUPS) * WARM_WORKERS) as pool:
            list(pool.map(call, GROUPS * WARM_WORKERS))

    def _healthy(self, url: str) -> None:
        deadline = time.monotonic() + HEALTH_SECONDS
        for group in GROUPS:
            status, said = 0, ""
            while status != 200:
                # A pause between tries, and none before the first.
                if status:
                    self.processes.stopping.wait(HEALTH_PAUSE)
                self._check()
                if time.monotonic() > deadline:
                    log = self.processes.logs / self.FUNCTIONS_LOG
                    raise StackFailure(
                        f"{group} is not healthy, it answers {status} {said[:300]}: see {log} for why{last_words(log)}."
                    )
                status, said = get(f"{url}/{group}/health", 30)
        self.say(f"the shop answers at {url}")

    def _seed(self, url: str, deployment: deploy.Deployment) -> dict[str, dict[str, str]]:
        users = {role: self._user(role) for role in ROLES}
        wanted = "goods" if self.options.demo else "users"
        demanded = second_factor.DEMANDED[second_factor.policy()]
        seeded = self.secrets.seeded in (wanted, "goods") and self.secrets.totp.keys() >= set(demanded)
        if not seeded or os.environ.get("DATABASE_URL"):
            # The demo shop uses the layer's own code, which is no part of this environment's packages.
            layer = str(ROOT / "layers" / "eatit")
            if layer not in sys.path:
                sys.path.append(layer)
            from localstack.demo.seed import seed

            self._check()

            def make_admin(email: str) -> dict[str, Any]:
                return self._invoke(deployment, "AdminFunction", {"email": email})

            def keep(role: str, secret: str) -> None:
                # Ended before the secret counts, the stack seeds once more.
                self.secrets.seeded = ""
                self.secrets.totp[role] = secret
                credentials.save(self.secrets_file, self.secrets)
                users[role] = self._user(role)

            database, demo, stopping = self.at.database_url, self.options.demo, self.processes.stopping
            seed(url, database, users, make_admin, self.say, demo, stopping=stopping, demanded=demanded, keep=keep)
            self.secrets.seeded = wanted
            credentials.save(self.secrets_file, self.secrets)
        return users

    def _user(self, role: str) -> dict[str, str]:
        user = {"email": f"{role}@eatit.example", "password": self.secrets.users[role]}
        return {**user, "totp_secret": self.secrets.totp[role]} if role in self.secrets.totp else user

    def _write(
        self, functions: dict[str, str], url: str, gateway_url: str, users: dict[str, dict[str, str]]
    ) -> dict[str, Any]:
        self._check()
        content = {
            "url": url,
            "gateway_url": gateway_url,
            **self.at.published(),
            **run_directory.published(self.processes),
            "users": users,
            "secrets_prefix": SECRETS_PREFIX,
            "functions": functions,
            "environment": self._environment(functions),
        }
        credentials.write_private(self.options.directory / "stack.json", json.dumps(content, indent=1))
        return content

    def _environment(self, functions: dict[str, str]) -> dict[str, str]:
        """The functions' own environment, with what a process outside the emulator needs besides."""
        if not functions:
            return {}
        store = deploy.client("lambda", self.at.endpoint_url).get_function_configuration(
            FunctionName=functions["StoreFunction"]
        )
        given = dict(store["Environment"]["Variables"])
        given.pop("POWERTOOLS_SERVICE_NAME", None)
        return {**given, "AWS_ENDPOINT_URL": self.at.endpoint_url, **emulator.ACCESS}

    # Together, and stopped together

    def _check(self) -> None:
        if self.processes.stopping.is_set():
            raise Stopped

    def _together(self, steps: Mapping[str, Callable[[], object]]) -> dict[str, object]:
        """Runs the steps at once. When one fails the others are told to stop, and its failure is raised."""
        with ThreadPoolExecutor(len(steps)) as pool:
            futures = {pool.submit(step): name for name, step in steps.items()}
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = [future.exception() for future in done if future.exception() is not None]
            if failed:
                self.processes.stopping.set()
        for failure in failed:
            if failure is not None and not isinstance(failure, Stopped):
                raise failure
        self._check()
        return {name: future.result() for future, name in futures.items()}
