"""The Lambda image that SAM CLI runs functions in: AWS's own where it can be pulled, else a stand-in made here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from localstack.docker import Engine
from localstack.failures import StackFailure, last_words
from localstack.packages import Progress, install_missing

RECIPE = Path(__file__).parent / "image"
# Which Python each Debian release brings: the stand-in can be made for these alone.
STAND_IN_PYTHONS = ("3.13", "3.11")
RECIPE_LABEL = "eatit.recipe"
PULL_SECONDS = 600


@dataclass(frozen=True)
class LambdaImage:
    """What SAM CLI is told: `python` is "3.11" and the like, `stand_in` its image's name, None for AWS's own."""

    python: str
    stand_in: str | None

    @property
    def options(self) -> list[str]:
        """The options of `sam local …` that make it use this image and ask no registry for a newer one."""
        return ["--skip-pull-image", *(["--invoke-image", self.stand_in] if self.stand_in else [])]


def lambda_image(
    engine: Engine, pythons: list[str], architecture: str, cache: Path, log: Path, progress: Progress
) -> LambdaImage:
    """Lays an image in `engine` for one of `pythons` ("3.11", best first) and says which.

    AWS's image is taken where it is present or can be pulled. Where it can't, the stand-in is made from Debian and
    PyPI (root, Debian) and kept in `cache`, so that the next engine has it in a moment. `architecture` is Lambda's
    name, "x86_64" or "arm64". Raises StackFailure, one sentence, when neither way is open.
    """
    best = pythons[0]
    official = f"public.ecr.aws/lambda/python:{best}-{architecture}"
    if engine.run("image", "inspect", official).returncode == 0:
        return LambdaImage(best, None)
    python = next((version for version in pythons if version in STAND_IN_PYTHONS), None)
    made = None if python is None else LambdaImage(python, f"eatit/lambda-python:{python}-{architecture}")
    if made is not None and _is_laid(engine, made, cache):
        return made
    progress(f"pulling AWS's Lambda image for Python {best}")
    pulled = engine.run("pull", "--quiet", official, seconds=PULL_SECONDS)
    if pulled.returncode == 0:
        return LambdaImage(best, None)
    with log.open("a") as file:
        file.write(pulled.stdout + pulled.stderr)
    if made is None:
        raise StackFailure(
            f"AWS's Lambda image for Python {best} can't be pulled, and a stand-in can be made for Python "
            f"{' or '.join(STAND_IN_PYTHONS)} only: install one of these and try again."
        )
    _make(engine, made, cache, log, progress)
    return made


def _is_laid(engine: Engine, image: LambdaImage, cache: Path) -> bool:
    """Whether the stand-in of today's recipe is in the engine, or was in the cache and now is in the engine."""
    assert image.stand_in is not None
    if _recipe_of(engine, image.stand_in) == _recipe():
        return True
    kept = _kept(cache, image)
    return kept.exists() and engine.run("load", "--input", str(kept)).returncode == 0


def _recipe_of(engine: Engine, name: str) -> str:
    told = engine.run("image", "inspect", "--format", f'{{{{index .Config.Labels "{RECIPE_LABEL}"}}}}', name)
    return told.stdout.strip() if told.returncode == 0 else ""


def _recipe() -> str:
    """A digest of all that the stand-in is made by: another recipe makes another image."""
    digest = hashlib.sha256()
    for file in sorted(RECIPE.iterdir()):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _kept(cache: Path, image: LambdaImage) -> Path:
    return cache / f"{_kept_name(image)}-{_recipe()}.tar"


def _kept_name(image: LambdaImage) -> str:
    assert image.stand_in is not None
    return image.stand_in.replace("/", "-").replace(":", "-")


def _make(engine: Engine, image: LambdaImage, cache: Path, log: Path, progress: Progress) -> None:
    assert image.stand_in is not None
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackFailure(
            f"AWS's Lambda image for Python {image.python} can't be pulled, and making a stand-in takes root on "
            f"Debian: see {log}."
        )
    install_missing(("mmdebstrap",), log=log, progress=progress)
    progress(f"making a stand-in for AWS's Lambda image, Python {image.python}")
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    with log.open("ab") as output:
        made = subprocess.run(
            ["bash", str(RECIPE / "make-image.sh"), image.python, image.stand_in, f"{RECIPE_LABEL}={_recipe()}", uv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **engine.environment},
            check=False,
        )
    if made.returncode != 0:
        raise StackFailure(f"The stand-in for AWS's Lambda image could not be made: see {log}{last_words(log)}.")
    cache.mkdir(parents=True, exist_ok=True)
    draft = cache / f"draft-{os.getpid()}.tar"
    if engine.run("save", "--output", str(draft), image.stand_in, seconds=120).returncode == 0:
        for outdated in cache.glob(f"{_kept_name(image)}-*.tar"):
            outdated.unlink()
        draft.replace(_kept(cache, image))
    draft.unlink(missing_ok=True)
