"""Finds a Python of the version that functions run under, and makes .pyc files with it."""

from __future__ import annotations

import functools
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localstack.failures import StackFailure

# .pyc stay good whatever happens to their source's date in a zip: the loader never compares (PEP 552, unchecked).
_COMPILE = """
import json, py_compile, sys
failed = []
for source, shown in json.load(sys.stdin):
    try:
        py_compile.compile(source, dfile=shown, doraise=True, quiet=2, optimize=0,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except py_compile.PyCompileError as error:
        failed.append([source, error.msg.strip()])
json.dump(failed, sys.stdout)
"""
# Fixed, not the number of cores: what shares a process must not differ between machines, or the bytes might.
_SHARES = 4


class NoInterpreter(StackFailure):
    """There is no Python of the wanted version here; the message is one sentence that says what to do."""


class CannotCompile(StackFailure):
    """A source isn't valid for the wanted version; the message names the file and the place."""


@functools.cache
def version(python: str) -> str:
    """The version of the interpreter at a path, such as `3.13`.

    Raises:
        NoInterpreter: nothing runs there.
    """
    if python == sys.executable:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        said = subprocess.run(
            [python, "-Ic", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise NoInterpreter(f"{python} is not a Python that runs here; give PYTHON= the path of one.") from error
    return said.stdout.strip()


def of_runtime(runtime: str) -> str:
    """The path of an interpreter for a Lambda runtime such as `python3.13`.

    Raises:
        NoInterpreter: none is to be found.
    """
    wanted = runtime.removeprefix("python")
    for candidate in _candidates(wanted):
        try:
            if version(candidate) == wanted:
                return candidate
        except NoInterpreter:
            continue
    raise NoInterpreter(
        f"The functions are to run on {runtime}, and there is no Python {wanted} here to compile them: install one "
        f"(uv python install {wanted}), or build for a version that is here with PYTHON_RUNTIME=python3.x and deploy "
        f"with the parameter PythonRuntime set to the same."
    )


def _candidates(wanted: str) -> list[str]:
    found = [sys.executable, os.environ.get("PYTHON"), shutil.which(f"python{wanted}"), f"/usr/bin/python{wanted}"]
    # pyenv's shims answer only for the version that is switched on, so its installations are looked at themselves.
    # The account's home and not $HOME, which SAM CLI is given another of.
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    for root in (pyenv, home / ".local/share/uv/python"):
        found += [str(each) for each in sorted(root.glob(f"*/bin/python{wanted}"), reverse=True)]
    return [each for each in found if each]


def compile_all(python: str, root: Path, shown: str, *, tolerate: bool = False) -> None:
    """Put an unchecked-hash .pyc beside every source under `root`.

    Args:
        python: the interpreter of the target version.
        root: the folder whose `.py` files are compiled.
        shown: what tracebacks show in place of `root`, such as `/var/task`.
        tolerate: leave out a file that isn't valid Python there (third-party code may carry such files).

    Raises:
        CannotCompile: a file isn't valid, unless tolerated.
    """
    sources = sorted(root.rglob("*.py"))
    pairs = [(str(each), f"{shown}/{each.relative_to(root).as_posix()}") for each in sources]
    shares = [share for share in (pairs[start::_SHARES] for start in range(_SHARES)) if share]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        failed = [each for share in pool.map(functools.partial(_compile, python), shares) for each in share]
    if failed and not tolerate:
        raise CannotCompile("; ".join(f"{source}: {reason}" for source, reason in failed))


def _compile(python: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    # A fixed hash seed, as sets are written in iteration order; and none of the caller's settings for Python.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run = subprocess.run(
        [python, "-Sc", _COMPILE],
        input=json.dumps(pairs), capture_output=True, text=True, check=False,
        env={**environment, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    if run.returncode != 0:
        raise CannotCompile(f"{python} stopped while compiling: {run.stderr.strip()[-500:]}")
    return [(source, reason) for source, reason in json.loads(run.stdout)]
