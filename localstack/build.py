"""Builds what runs on Lambda: each function's own package and the layers, with .pyc that are never made again.

One builder for all: `sam build` calls it through the makefiles (`python -m localstack.build package auth --into DIR`),
the local stack calls `build()` for zip files to deploy by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from localstack import interpreters, third_party
from localstack.failures import StackFailure
from localstack.template import ROOT, default, functions, read

BUILD = ROOT / ".build"
# Where Lambda lays a function's package and a layer: what tracebacks show as a file's path.
TASK_ROOT = "/var/task"
LAYER_ROOT = "/opt/python"
_IGNORED = ("__pycache__", ".DS_Store")
_KEPT_BUILDS = 2
_LATELY_SECONDS = 900
_BUILDERS = ("build.py", "interpreters.py", "third_party.py")


@dataclass(frozen=True)
class Built:
    """What `build()` made: zip files whose names hold a hash of what went in, so that an equal name is equal content.

    `artefacts` and `layers` are keyed by the template's logical ids. `layers` is empty when all is in the artefacts.
    """

    python: str
    vendored: bool
    artefacts: dict[str, Path] = field(default_factory=dict)
    layers: dict[str, Path] = field(default_factory=dict)


def build(
    target: Path = BUILD,
    *,
    layers: bool = True,
    vendored: bool = False,
    python: str | None = None,
    architecture: str | None = None,
) -> Built:
    """Build every function and layer of template.yaml that isn't built yet.

    Args:
        target: the folder for the zip files; what is there already is reused by its hash.
        layers: whether the third-party layer is built. Without it only the layer `eatit` is, for an emulator whose
            own interpreter holds the locked third-party versions.
        vendored: put the third-party code and `eatit` into every function's artefact, and build no layer.
        python: path of an interpreter of the version that the functions will run under; by default the one running.
        architecture: `x86_64` or `arm64`; by default this machine's.

    Raises:
        StackFailure: no such interpreter, a source that isn't valid, a package that can't be had.
    """
    python = python or sys.executable
    version = interpreters.version(python)
    architecture = architecture or ("arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64")
    target.mkdir(parents=True, exist_ok=True)
    needed = functions(read())
    made: dict[str, Path] = {}
    dependencies = _dependencies(target, python, architecture) if vendored or layers else None
    eatit = ROOT / "layers" / "eatit" / "eatit"
    for package in sorted(set(needed.values())):
        source = ROOT / "functions" / package
        if vendored and dependencies is not None:
            made[package] = _zipped(
                target, f"{package}-vendored", [_hash_of(source), _hash_of(eatit), dependencies.name, version],
                lambda into, package=package: _vendor(package, into, python, dependencies),  # type: ignore[misc]
            )  # fmt: skip
        else:
            made[package] = _zipped(
                target, package, [_hash_of(source), version],
                lambda into, package=package: stage_package(package, into, python),  # type: ignore[misc]
            )  # fmt: skip
    built_layers = {}
    if not vendored:
        built_layers["EatitLayer"] = _zipped(
            target, "eatit", [_hash_of(eatit), version], lambda into: stage_eatit(into / "python", python)
        )
        if dependencies is not None:
            built_layers["DependenciesLayer"] = _zipped(
                target, "dependencies", [dependencies.name], lambda into: _copy(dependencies, into / "python")
            )
    _forget_old(target)
    return Built(version, vendored, {name: made[package] for name, package in needed.items()}, built_layers)


def stage_package(package: str, into: Path, python: str, *, shown: str = TASK_ROOT) -> None:
    """Lay one package of functions/ (`auth`, ...) with its .pyc under a folder, as it lies in Lambda's task root."""
    source = ROOT / "functions" / package
    if not (source / "__init__.py").is_file():
        raise StackFailure(f"There is no package {package} in {source.parent}.")
    _stage(source, into / package, f"{shown}/{package}", python)


def stage_eatit(into: Path, python: str, *, shown: str = LAYER_ROOT) -> None:
    """Lay the package `eatit` with its .pyc under a folder, as it lies in a layer's `python`."""
    _stage(ROOT / "layers" / "eatit" / "eatit", into / "eatit", f"{shown}/eatit", python)


def stage_dependencies(into: Path, python: str, architecture: str, *, cache: Path = BUILD) -> None:
    """Lay the third-party packages with their .pyc under a folder, as they lie in a layer's `python`."""
    cache.mkdir(parents=True, exist_ok=True)
    _copy(_dependencies(cache, python, architecture), into)


def _stage(source: Path, into: Path, shown: str, python: str) -> None:
    for path in _files(source):
        copy = into / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    interpreters.compile_all(python, into, shown)


def _vendor(package: str, into: Path, python: str, dependencies: Path) -> None:
    _copy(dependencies, into)
    stage_eatit(into, python, shown=TASK_ROOT)
    stage_package(package, into, python)


def _dependencies(target: Path, python: str, architecture: str) -> Path:
    """The folder of third-party packages, installed and compiled; made when the lock or the version is new."""
    pinned = third_party.requirements()
    version = interpreters.version(python)
    folder = target / f"dependencies-{_key([pinned, version, architecture])}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=target, prefix=".dependencies-") as scratch:
            staged = Path(scratch) / "python"
            third_party.install(pinned, staged, python_version=version, architecture=architecture)
            interpreters.compile_all(python, staged, LAYER_ROOT, tolerate=True)
            _settle(staged, folder)
    os.utime(folder)
    return folder


def _copy(source: Path, into: Path) -> None:
    shutil.copytree(source, into, dirs_exist_ok=True)


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not any(part in _IGNORED for part in path.parts)
    )


def _hash_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _key(parts: Iterable[str]) -> str:
    builders = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in _BUILDERS]
    return hashlib.sha256("\0".join([*builders, *parts]).encode()).hexdigest()[:16]


def _zipped(target: Path, name: str, parts: Iterable[str], stage: Callable[[Path], None]) -> Path:
    archive = target / f"{name}-{_key(parts)}.zip"
    if archive.is_file():
        os.utime(archive)
        return archive
    with tempfile.TemporaryDirectory(dir=target, prefix=f".{name}-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        stage(content)
        packed = Path(scratch) / "packed.zip"
        pack(content, packed)
        _settle(packed, archive)
    return archive


def pack(folder: Path, archive: Path) -> None:
    """Zip a folder so that equal content gives equal bytes: sorted, one date, one mode, not compressed.

    Not compressed, since an emulator unpacks it for every worker and the way there is this machine's loopback.
    """
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            file.writestr(entry, path.read_bytes())


def _settle(made: Path, place: Path) -> None:
    """Move what is whole to its place; when another build was quicker, its equal stays."""
    try:
        made.rename(place)
    except OSError:
        if not place.exists():
            raise


def _forget_old(target: Path) -> None:
    """Remove all but the newest builds of each thing, and what a build that was killed left behind.

    What was used lately stays: another build may be about to upload it.
    """
    seen: dict[str, int] = {}
    found = []
    for path in target.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another build's scratch
            found.append((path.stat().st_mtime, path))
    for used, path in sorted(found, reverse=True):
        name = path.name.rpartition("-")[0]
        seen[name] = seen.get(name, 0) + 1
        if (seen[name] <= _KEPT_BUILDS and not name.startswith(".")) or time.time() - used < _LATELY_SECONDS:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Build one artefact into a folder: what the makefiles run for `sam build`, whose template says the version."""
    parser = argparse.ArgumentParser(prog="python -m localstack.build", description=main.__doc__)
    parser.add_argument("what", choices=["package", "eatit", "dependencies"])
    parser.add_argument("name", nargs="?", help="the package, such as auth")
    parser.add_argument("--into", type=Path, required=True, help="the folder to fill (ARTIFACTS_DIR)")
    template = read()
    runtime = os.environ.get("PYTHON_RUNTIME") or default(template, "PythonRuntime")
    architecture = os.environ.get("ARCHITECTURE") or default(template, "Architecture")
    given = parser.parse_args(arguments)
    try:
        python = interpreters.of_runtime(runtime)
        if given.what == "package":
            if not given.name:
                parser.error("package needs a name, such as auth")
            stage_package(given.name, given.into, python)
        elif given.what == "eatit":
            stage_eatit(given.into / "python", python)
        else:
            stage_dependencies(given.into / "python", python, architecture)
    except StackFailure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
