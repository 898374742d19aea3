"""Owners of accounts who enrol a second factor, in this process, by a clock of their own."""

from typing import Any

from tests.authenticators import Authenticator
from tests.functions.calls import Answer, call, good, unique

PASSWORD = "correct horse battery 42"


class CodeClock:
    """The clock that codes are made and read by: it stands, until it is moved on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def forward(self) -> None:
        """On to the step after next: earlier codes are spent or stale, new ones there to be had."""
        self.now += 60


class Owner:
    """An account with a session, and an authenticator once it is enrolled."""

    def __init__(self, clock: CodeClock, sql: Any, role: str = "customer") -> None:
        self.clock = clock
        self.sql = sql
        self.email = f"{unique('owner')}@example.org"
        self.authenticator: Authenticator | None = None
        self.recovery_codes: list[str] = []
        self.session: Any = good(call("POST", "/auth/register", {"email": self.email, "password": PASSWORD}), 201)
        self.id: str = self.session["user"]["id"]
        if role != "customer":
            sql.execute("UPDATE auth.users SET role = %s WHERE id = %s", [role, self.id])
            self.session = good(self.login())
        self.token: str = self.session["access_token"]

    def login(self, code: str | None = None, password: str = PASSWORD) -> Answer:
        body = {"email": self.email, "password": password}
        return call("POST", "/auth/login", body if code is None else {**body, "totp_code": code})

    def refresh(self, session: Any = None) -> Answer:
        """A new pair for this session or another one; this one goes on with it."""
        answer = call("POST", "/auth/refresh", {"refresh_token": (session or self.session)["refresh_token"]})
        if session is None and answer.status == 200:
            self.session = answer.body
            self.token = self.session["access_token"]
        return answer

    def begin(self) -> Authenticator:
        """A begun enrolment's authenticator, which isn't confirmed yet."""
        return Authenticator(good(call("POST", "/auth/totp", token=self.token))["secret"], self.clock.time)

    def confirm(self, code: str) -> Answer:
        return call("POST", "/auth/totp/confirm", {"code": code}, token=self.token)

    def verify(self, code: str) -> Answer:
        return call("POST", "/auth/totp/verify", {"totp_code": code}, token=self.token)

    def enrol(self) -> "Owner":
        """A confirmed second factor, and the token of full rights that comes with it."""
        authenticator = self.begin()
        confirmed = good(self.confirm(authenticator.code()))
        self.authenticator = authenticator
        self.recovery_codes = confirmed["recovery_codes"]
        self.token = confirmed["access_token"]
        self.clock.forward()
        return self

    def code(self) -> str:
        assert self.authenticator is not None
        return self.authenticator.code()

    def wrong(self) -> str:
        assert self.authenticator is not None
        return self.authenticator.wrong()

    def age(self, column: str, minutes: int) -> None:
        """Let what the account's sessions were given last be so many minutes ago."""
        assert column in ("authenticated_at", "second_factor_at")
        self.sql.execute(
            f"UPDATE auth.sessions SET {column} = now() - %s * interval '1 minute' WHERE user_id = %s",
            [minutes, self.id],
        )

    def row(self) -> Any:
        """What the database holds of the account's second factor."""
        return self.sql.execute(
            "SELECT totp_secret, totp_pending, totp_enabled_at, totp_last_step FROM auth.users WHERE id = %s", [self.id]
        ).fetchone()

    def audited(self) -> list[str]:
        """The account's actions in the audit, the first first."""
        rows = self.sql.execute("SELECT action FROM auth.audit WHERE user_id = %s ORDER BY id", [self.id]).fetchall()
        return [row[0] for row in rows]

    def mails(self) -> list[str]:
        """The kinds of the mails that were asked for."""
        rows = self.sql.execute(
            "SELECT state ->> 'kind' FROM events.outbox WHERE type = 'auth.mail.requested' AND aggregate_id = %s"
            " ORDER BY id",
            [self.id],
        ).fetchall()
        return [row[0] for row in rows]


def refused(answer: Answer, status: int, code: str) -> None:
    """Assert that a problem says this."""
    assert (answer.status, answer.body["code"]) == (status, code), answer
