"""What no wheel carries, RabbitMQ and nginx above all: found, or installed with apt-get or brew when missing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from localstack.failures import StackFailure, last_words

Progress = Callable[[str], None]

POLICY = Path("/usr/sbin/policy-rc.d")
# sbin directories are left out of an ordinary user's PATH on Debian, and brew's out of launchd's.
SEARCHED = (
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/sbin",
    "/opt/homebrew/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/sbin",
)
# Debian's packages that don't bear the name of the program that is looked for.
PACKAGE_OF = {"dockerd": "docker.io", "docker": "docker-cli", "ip": "iproute2", "chromedriver": "chromium-driver"}
# Whatever of these comes with an installation of ours must not start by itself at the next boot.
UNITS = (
    "rabbitmq-server.service",
    "nginx.service",
    "epmd.service",
    "epmd.socket",
    "docker.service",
    "docker.socket",
    "containerd.service",
)
UNIT_DIRECTORIES = (Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"))


def find_program(name: str) -> Path | None:
    """Where the program `name` is, or None. The directories of `SEARCHED` come first.

    Debian's /usr/sbin/rabbitmq-server is a wrapper that insists on the system's own user; the real script lies in
    /usr/lib/rabbitmq/bin.
    """
    found = shutil.which(name, path=os.pathsep.join([*SEARCHED, os.environ.get("PATH", os.defpath)]))
    return Path(found) if found else None


def missing_packages(wanted: tuple[str, ...]) -> list[str]:
    """Those of the programs `wanted` that aren't on this machine."""
    return [name for name in wanted if find_program(name) is None]


def install_missing(wanted: tuple[str, ...], *, log: Path, progress: Progress) -> None:
    """Installs those of the programs `wanted` ("rabbitmq-server", "nginx", "dockerd") that are missing.

    Raises StackFailure, naming the packages, where neither root, sudo without a password nor brew is at hand, or
    where the installation fails; `log` holds what the package tools said.
    """
    if not missing_packages(wanted):
        return
    with _one_at_a_time():
        missing = missing_packages(wanted)
        if not missing:
            return
        if sys.platform == "darwin":
            _install_with_brew(missing, log, progress)
        else:
            _install_with_apt([PACKAGE_OF.get(name, name) for name in missing], log, progress)
    still = missing_packages(wanted)
    if still:
        raise StackFailure(f"{_named(still)} is still missing after its installation: see {log}.")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two stacks that start together must not both write and remove policy-rc.d."""
    with (Path(tempfile.gettempdir()) / f"eatit-packages-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _named(packages: list[str]) -> str:
    return " and ".join(packages)


def _install_with_brew(missing: list[str], log: Path, progress: Progress) -> None:
    brew = find_program("brew")
    formulae = ["rabbitmq" if name == "rabbitmq-server" else name for name in missing]
    if brew is None:
        command = f"brew install {' '.join(formulae)}"
        raise StackFailure(f"EatIt needs {_named(formulae)}: install Homebrew, then run `{command}`.")
    progress(f"installing {_named(formulae)} with brew")
    _run([str(brew), "install", *formulae], log, formulae, {"HOMEBREW_NO_AUTO_UPDATE": "1"})


def _install_with_apt(missing: list[str], log: Path, progress: Progress) -> None:
    become_root = _way_to_root()
    if become_root is None or shutil.which("apt-get") is None:
        raise StackFailure(
            f"EatIt needs the system packages {_named(missing)}, and installing them takes apt-get with root or sudo "
            f"without a password: install them yourself (`sudo apt-get install {' '.join(missing)}`) and try again."
        )
    progress(f"installing {_named(missing)} with apt-get")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    known_units = _present_units()
    with _services_kept_from_starting(become_root, log):
        apt = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=180"]
        _run([*apt, "update"], log, missing, quiet)
        _run([*apt, "install", "-y", "--no-install-recommends", *missing], log, missing, quiet)
        _disable_units(_present_units() - known_units, become_root, log)


def _way_to_root() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def _run(command: list[str], log: Path, packages: list[str], environment: dict[str, str]) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            check=False,
        )
    if done.returncode != 0:
        raise StackFailure(f"Installing {_named(packages)} failed: see {log} for why{last_words(log)}.")


@contextlib.contextmanager
def _services_kept_from_starting(become_root: list[str], log: Path) -> Iterator[None]:
    """apt starts what it installs, on all addresses. A policy-rc.d that is there already is left as it is: it is
    the owner's word on what may start."""
    if POLICY.exists():
        yield
        return
    script = f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"
    _run([*become_root, "sh", "-c", script], log, ["policy-rc.d"], {})
    try:
        yield
    finally:
        subprocess.run([*become_root, "rm", "-f", str(POLICY)], check=False)


def _present_units() -> set[str]:
    return {unit for unit in UNITS if any((directory / unit).exists() for directory in UNIT_DIRECTORIES)}


def _disable_units(units: set[str], become_root: list[str], log: Path) -> None:
    if units and shutil.which("systemctl"):
        with log.open("ab") as output:
            subprocess.run(
                [*become_root, "systemctl", "disable", *sorted(units)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
