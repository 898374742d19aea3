"""What `make sam` says and does where there is no Docker engine or no Lambda image, without any Docker."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localstack import docker, lambda_image
from localstack.docker import Engine
from localstack.failures import StackFailure
from localstack.lambda_image import LambdaImage

OFFICIAL = "public.ecr.aws/lambda/python:{}-x86_64"


class Registry(Engine):
    """An engine that has `images` already and can pull `pullable`; it notes what it was asked to pull."""

    images: set[str]
    pullable: set[str]
    asked: list[str]

    @classmethod
    def holding(cls, *images: str, pullable: str = "") -> "Registry":
        made = cls(host="", address=None, private=True)
        object.__setattr__(made, "images", set(images))
        object.__setattr__(made, "pullable", {pullable})
        object.__setattr__(made, "asked", [])
        return made

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        held = self.images
        if arguments[0] == "pull":
            self.asked.append(arguments[-1])
            held = self.pullable
        return subprocess.CompletedProcess(arguments, 0 if arguments[-1] in held else 1, "", "no such host")


def _image(engine: Engine, pythons: list[str], tmp_path: Path) -> LambdaImage:
    return lambda_image.lambda_image(
        engine, pythons, "x86_64", cache=tmp_path, log=tmp_path / "image.log", progress=lambda _: None
    )


def test_takes_the_image_of_aws_that_is_there_and_asks_no_registry(tmp_path: Path) -> None:
    engine = Registry.holding(OFFICIAL.format("3.12"))
    image = _image(engine, ["3.12", "3.13"], tmp_path)
    assert image == LambdaImage("3.12", None)
    assert image.options == ["--skip-pull-image"]
    assert engine.asked == []


def test_pulls_the_image_of_aws_for_the_best_python(tmp_path: Path) -> None:
    engine = Registry.holding(pullable=OFFICIAL.format("3.14"))
    assert _image(engine, ["3.14", "3.13"], tmp_path) == LambdaImage("3.14", None)


def test_says_which_pythons_a_stand_in_can_be_made_for(tmp_path: Path) -> None:
    with pytest.raises(StackFailure, match=r"for Python 3\.12 can't be pulled, .* Python 3\.13 or 3\.11 only"):
        _image(Registry.holding(), ["3.12"], tmp_path)


def test_says_that_a_stand_in_takes_root_and_why_the_image_was_not_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackFailure, match="takes root on Debian"):
        _image(Registry.holding(), ["3.11"], tmp_path)
    assert "no such host" in (tmp_path / "image.log").read_text()


def test_the_stand_in_has_a_name_of_its_own() -> None:
    image = LambdaImage("3.11", "eatit/lambda-python:3.11-x86_64")
    assert image.options == ["--skip-pull-image", "--invoke-image", "eatit/lambda-python:3.11-x86_64"]


@pytest.mark.parametrize(
    ("platform", "uid", "programs", "sentence"),
    [
        ("darwin", 501, (), "start Docker Desktop"),
        ("linux", 1000, ("apt-get",), "takes root to start"),
        ("linux", 0, (), "install Docker"),
        ("linux", 0, ("apt-get",), None),
        ("linux", 0, ("dockerd",), None),
    ],
)
def test_says_in_one_sentence_why_there_can_be_no_engine(
    platform: str, uid: int, programs: tuple[str, ...], sentence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(docker, "find_program", lambda name: Path(name) if name in programs else None)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
    said = docker.why_no_engine()
    assert (said is None) == (sentence is None)
    assert sentence is None or (said is not None and sentence in said and said.count(". ") == 0)
