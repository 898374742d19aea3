"""Installs the third-party layer's content from uv.lock for Lambda's platform, and takes out what never runs there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from localstack.failures import StackFailure
from localstack.template import ROOT

# Amazon Linux 2023, which Lambda's Python 3.12 and newer run on, has glibc 2.34; 2.28 is what wheels are made for.
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}

# What goes, each because nothing that runs on Lambda reads it. importlib.metadata keeps METADATA and entry_points.txt
# (OpenTelemetry finds its context through them), and the licences stay, as they must where code is passed on.
DROPPED = (
    "bin",  # command-line scripts
    "**/__pycache__",
    "**/*.pyi", "**/py.typed", "**/*.pyx", "**/*.pxd", "**/*.h",  # for type checkers and C compilers
    "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", "*.dist-info/WHEEL",
    "*.dist-info/direct_url.json",
    "*.dist-info/sboms",
    "sqlalchemy/testing", "alembic/testing", "alembic/templates", "mako/testing",
    "sqlalchemy/dialects/mssql", "sqlalchemy/dialects/mysql", "sqlalchemy/dialects/oracle",
    "sqlalchemy/dialects/sqlite",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js",  # the docs pages have their own copy
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.css",
)  # fmt: skip


class CannotInstall(StackFailure):
    """The layer's packages can't be had; the message is one sentence with uv's own reason."""


def requirements() -> str:
    """The pinned and hashed requirements of the group `layer`, out of uv.lock.

    Raises:
        CannotInstall: uv is missing, or the lock doesn't fit pyproject.toml.
    """
    return _uv("export", "--frozen", "--quiet", "--no-header", "--no-emit-project", "--only-group", "layer",
               "--project", str(ROOT))  # fmt: skip


def install(pinned: str, into: Path, *, python_version: str, architecture: str) -> None:
    """Install `pinned` into a folder for Lambda's Linux, whatever this machine is, and drop what never runs there.

    Raises:
        CannotInstall: a package has no wheel for that platform, or can't be reached.
    """
    into.mkdir(parents=True, exist_ok=True)
    listed = into.with_name(f"{into.name}.requirements.txt")
    listed.write_text(pinned, encoding="utf-8")
    _uv("pip", "install", "--quiet", "--target", str(into), "--python-version", python_version,
        "--python-platform", PLATFORMS[architecture], "--only-binary", ":all:", "--no-deps", "--require-hashes",
        "--link-mode", "copy", "--requirement", str(listed))  # fmt: skip
    listed.unlink()
    for pattern in DROPPED:
        for path in sorted(into.glob(pattern), reverse=True):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    (into / ".lock").unlink(missing_ok=True)


def _uv(*arguments: str) -> str:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    # A virtual environment that is switched on must not lend its interpreter to an installation for another platform.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        run = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    except FileNotFoundError as error:
        raise CannotInstall("The third-party layer is made by uv, which is not here: pip install uv.") from error
    if run.returncode != 0:
        raise CannotInstall(f"uv {arguments[0]} failed: {run.stderr.strip()}")
    return run.stdout
