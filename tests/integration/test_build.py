"""What is built for Lambda imports alone, is never compiled again, and holds nothing that isn't its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import boto3
import pytest

from localstack import build, interpreters
from localstack.template import ROOT, functions, read
from tests.photo_files import corners, encoded

HANDLERS = {
    name: resource["Properties"]["Handler"]
    for name, resource in read()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}
PACKAGES = sorted(set(functions(read()).values()))

# What Lambda's runtime brings by itself.
RUNTIME = ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "urllib3")

# Runs without site-packages: what isn't in the artefact, the layers or the runtime isn't there. To compile a source of
# theirs is an error, whether or not the result would be written.
_IMPORT = """
import importlib, importlib._bootstrap_external as bootstrap, json, sys
roots = tuple(sys.argv[3:])
sys.path[:0] = roots
sys.path.append(sys.argv[2])
compile_source = bootstrap.SourceLoader.source_to_code
def refuse(self, data, path, *rest, **named):
    if str(path).startswith(roots):
        raise AssertionError(f"{path} is compiled again")
    return compile_source(self, data, path, *rest, **named)
bootstrap.SourceLoader.source_to_code = refuse
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
ours = [each for each in sys.modules.values() if str(getattr(each, "__file__", None) or "").startswith(roots)]
import importlib.metadata as metadata
json.dump({"callable": callable(handler), "modules": len(ours), "pydantic": metadata.version("pydantic"),
           "contexts": [each.name for each in metadata.entry_points(group="opentelemetry_context")]}, sys.stdout)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is built for Lambda's Linux runs on Linux alone")


@pytest.fixture(scope="module")
def built() -> build.Built:
    return build.build()


@pytest.fixture(scope="module")
def vendored() -> build.Built:
    return build.build(vendored=True)


@pytest.fixture(scope="module")
def unpacked(built: build.Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders as Lambda has them, by package, `eatit` and `dependencies`."""
    home = tmp_path_factory.mktemp("built")
    found = {
        "eatit": unpack(built.layers["EatitLayer"], home / "eatit"),
        "dependencies": unpack(built.layers["DependenciesLayer"], home / "dependencies"),
    }
    for name, package in functions(read()).items():
        if package not in found:
            found[package] = unpack(built.artefacts[name], home / package)
    return found


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the runtime brings, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    here = Path(boto3.__file__).parent.parent
    for name in RUNTIME:
        (folder / name).symlink_to(here / name)
    return folder


def unpack(archive: Path, into: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        file.extractall(into)
    return into


def import_alone(handler: str, runtime: Path, *roots: Path) -> dict[str, object]:
    """Import a handler with nothing but the folders given on the path; what the script above says about it."""
    before = {path: path.stat().st_mtime_ns for root in roots for path in root.rglob("*")}
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _IMPORT, handler, str(runtime), *map(str, roots)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert {path: path.stat().st_mtime_ns for root in roots for path in root.rglob("*")} == before
    return dict(json.loads(run.stdout))


@pytest.mark.parametrize("function", sorted(HANDLERS))
def test_function_imports_with_its_layers_alone(function: str, unpacked: dict[str, Path], runtime: Path) -> None:
    package = HANDLERS[function].split(".")[0]
    layers = (unpacked["eatit"] / "python", unpacked["dependencies"] / "python")
    said = import_alone(HANDLERS[function], runtime, unpacked[package], *layers)
    assert said["callable"]
    assert said["contexts"], "OpenTelemetry finds its context by entry points, which the lean layer must keep"


_MAKE_PICTURES = """
import pathlib, sys
sys.path[:0] = sys.argv[2:]
from store.pictures import make
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    made = make(file.read_bytes(), f"image/{file.suffix[1:]}")
    print(file.suffix[1:], made.width, made.height, *(content[8:12].decode() for content in made.files.values()))
"""


def test_pictures_are_made_with_the_lean_layer_alone(unpacked: dict[str, Path], tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP"):
        (tmp_path / f"picture.{kind.lower()}").write_bytes(encoded(corners(400, 300), kind, icc_profile=profile))
    roots = (unpacked["store"], unpacked["eatit"] / "python", unpacked["dependencies"] / "python")
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _MAKE_PICTURES, str(tmp_path), *map(str, roots)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.stdout.splitlines() == [f"{kind} 400 300 WEBP WEBP WEBP" for kind in ("jpeg", "png", "webp")], run.stderr
    libraries = {path.name.partition("-")[0] for path in (roots[2] / "pillow.libs").iterdir()}
    assert {"libjpeg", "libwebp", "liblcms2"} <= libraries
    assert not libraries & {"libavif", "libfreetype", "libharfbuzz"}


@pytest.mark.parametrize("package", PACKAGES)
def test_vendored_artefact_is_whole_without_layers(
    package: str, vendored: build.Built, runtime: Path, tmp_path: Path
) -> None:
    assert vendored.layers == {}
    names = [name for name, owner in functions(read()).items() if owner == package]
    task = unpack(vendored.artefacts[names[0]], tmp_path / "task")
    for name in names:
        assert import_alone(HANDLERS[name], runtime, task)["callable"]
    assert not [other for other in PACKAGES if other != package and (task / other).exists()]


def test_artefacts_hold_their_own_package_alone(unpacked: dict[str, Path]) -> None:
    for package in PACKAGES:
        assert [path.name for path in unpacked[package].iterdir()] == [package]
    assert [path.name for path in (unpacked["eatit"] / "python").iterdir()] == ["eatit"]
    there = {path.name for path in (unpacked["dependencies"] / "python").iterdir()}
    assert not there & {*PACKAGES, "eatit", "boto3", "botocore", "pytest", "bin"}
    assert {"fastapi", "sqlalchemy", "psycopg_binary", "pika"} <= there


def test_migrations_travel_with_operations(unpacked: dict[str, Path]) -> None:
    source = ROOT / "functions" / "operations" / "migrations"
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.suffix in (".py", ".mako")}
    copied = unpacked["operations"] / "operations" / "migrations"
    assert wanted
    assert wanted <= {path.relative_to(copied) for path in copied.rglob("*")}


def test_every_source_has_a_bytecode_file_that_is_never_compared(unpacked: dict[str, Path]) -> None:
    for name, root in unpacked.items():
        sources = list(root.rglob("*.py"))
        assert sources
        missing = []
        for source in sources:
            compiled = Path(importlib.util.cache_from_source(str(source), optimization=""))
            header = compiled.read_bytes()[:8] if compiled.exists() else b""
            # PEP 552: the magic number, then flags; 1 is "by hash", without "check the source".
            if header != importlib.util.MAGIC_NUMBER + b"\x01\0\0\0":
                missing.append(source)
        assert missing == [], name


def test_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first = build.build(tmp_path / "first", layers=False)
    second = build.build(tmp_path / "second", layers=False)
    for name, path in {**first.artefacts, **first.layers}.items():
        other = {**second.artefacts, **second.layers}[name]
        assert path.name == other.name
        assert path.read_bytes() == other.read_bytes(), name


@pytest.mark.usefixtures("built")
def test_second_build_takes_no_time() -> None:
    begun = time.perf_counter()
    build.build()
    assert time.perf_counter() - begun < 1


def test_no_interpreter_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                                                tmp_path: Path) -> None:  # fmt: skip
    monkeypatch.setenv("PYTHON_RUNTIME", "python3.99")
    assert build.main(["package", "auth", "--into", str(tmp_path)]) == 1
    said = capsys.readouterr().err.strip()
    assert "Python 3.99" in said
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(interpreters.NoInterpreter):
        interpreters.version("/nowhere/python")


@pytest.mark.parametrize(("folder", "target", "word"), [
    *(("functions", name, package) for name, package in functions(read()).items()),
    ("layers/eatit", "EatitLayer", "eatit"),
    ("layers/dependencies", "DependenciesLayer", "dependencies"),
])  # fmt: skip
def test_makefiles_build_what_the_template_names(folder: str, target: str, word: str) -> None:
    run = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", f"build-{target}", "ARTIFACTS_DIR=/somewhere"],
        cwd=ROOT / folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f'{word} --into "/somewhere"' in run.stdout


def test_makefile_fills_the_folder_that_sam_gives(tmp_path: Path) -> None:
    version = interpreters.version(sys.executable)
    subprocess.run(
        ["make", "--no-print-directory", "build-UpkeepFunction", f"ARTIFACTS_DIR={tmp_path}",
         f"PYTHON_RUNTIME=python{version}", f"BUILDER={sys.executable}"],
        cwd=ROOT / "functions", check=True, capture_output=True,
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["operations"]
    assert (tmp_path / "operations" / "upkeep.py").is_file()
