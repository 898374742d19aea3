"""Installs the third-party layer's content from uv.lock for Lambda's platform, and takes out what never runs there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from localstack.failures import StackFailure
from localstack.template import ROOT

# Lambda's Python 3.12 and newer stand on Amazon Linux 2023 with glibc 2.34, 3.11 on Amazon Linux 2 with 2.26.
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
# None for arm64, where psycopg asks for 2.27: Python 3.11 on arm64 is for this machine, not for AWS.
OLDER_PLATFORMS = {"x86_64": "x86_64-manylinux_2_17"}
ON_OLDER = ("3.11",)
# These have a wheel for glibc 2.26 and none older; uv knows no platform between 2.17 and 2.28.
ONE_FOR_2_26 = ("argon2-cffi-bindings",)

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
    # Of Pillow, whatever is for neither JPEG, PNG nor WebP: 9 of 19 MB.
    "PIL/_avif.*", "PIL/_imagingft.*", "PIL/_imagingtk.*", "PIL/_imagingmath.*", "PIL/_imagingmorph.*",
    "pillow.libs/libavif-*", "pillow.libs/libfreetype-*", "pillow.libs/libharfbuzz-*", "pillow.libs/libpng16-*",
    "pillow.libs/libbrotli*",
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
    newer = PLATFORMS[architecture]
    if python_version in ON_OLDER and architecture in OLDER_PLATFORMS:
        blocks = re.split(r"^(?=\S)", pinned, flags=re.MULTILINE)
        late = [block for block in blocks if block.partition("==")[0] in ONE_FOR_2_26]
        rest = [block for block in blocks if block not in late]
        _install("".join(rest), into, python_version, OLDER_PLATFORMS[architecture])
        _install("".join(late), into, python_version, newer)
    else:
        _install(pinned, into, python_version, newer)
    for pattern in DROPPED:
        for path in sorted(into.glob(pattern), reverse=True):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    (into / ".lock").unlink(missing_ok=True)


def _install(pinned: str, into: Path, python_version: str, platform: str) -> None:
    listed = into.with_name(f"{into.name}.requirements.txt")
    listed.write_text(pinned, encoding="utf-8")
    _uv("pip", "install", "--quiet", "--target", str(into), "--python-version", python_version,
        "--python-platform", platform, "--only-binary", ":all:", "--no-deps", "--require-hashes",
        "--link-mode", "copy", "--requirement", str(listed))  # fmt: skip
    listed.unlink()


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
