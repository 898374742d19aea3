"""What comes of pictures: upright, in sRGB, in three sizes, nothing of the file but its pixels; the rest refused."""

import io
import os
import signal
import subprocess
import sys
import zipfile
from typing import Any

import pytest

from eatit.errors import Unavailable
from store import pictures
from tests.photo_files import (
    MEDIA,
    PLACE,
    bad_files,
    corner_colours,
    corners,
    encoded,
    opened,
    phone_jpeg,
    png_claiming,
    scan_bomb,
    small_jpeg,
)

UPRIGHT = ["red", "green", "blue", "white"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests isn't what is tried here."""
    monkeypatch.setattr(pictures, "WALL_SECONDS", 60)


def made(content: bytes, kind: str = "JPEG") -> tuple[pictures.Pictures, dict[str, Any]]:
    """The sizes, each also decoded."""
    sizes = pictures.make(content, MEDIA[kind])
    assert list(sizes.files) == ["original", "medium", "small"]
    decoded = {name: opened(file) for name, file in sizes.files.items()}
    assert {image.format for image in decoded.values()} == {"WEBP"}
    assert decoded["original"].size == (sizes.width, sizes.height)
    return sizes, decoded


def test_sizes_are_bounded_by_their_longest_side() -> None:
    _, decoded = made(encoded(corners(3000, 1500), "JPEG"))
    assert {name: image.size for name, image in decoded.items()} == {
        "original": (2048, 1024), "medium": (960, 480), "small": (320, 160)
    }  # fmt: skip
    assert all(corner_colours(image) == UPRIGHT for image in decoded.values())


@pytest.mark.parametrize("size", [(1, 1), (100, 80), (320, 320), (321, 7), (5000, 1), (1, 5000)])
def test_a_small_picture_is_never_blown_up(size: tuple[int, int]) -> None:
    _, decoded = made(encoded(corners(*size), "PNG"), "PNG")
    for name, image in decoded.items():
        assert max(image.size) == min(max(size), pictures.SIZES[name])
        assert min(image.size) >= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(orientation: int) -> None:
    from PIL import Image, ImageOps

    content = phone_jpeg(80, 60, orientation)
    expected = corner_colours(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    sizes, decoded = made(content)
    assert (sizes.width, sizes.height) == ((80, 60) if orientation < 5 else (60, 80))
    assert all(corner_colours(image) == expected for image in decoded.values())


def test_nothing_but_pixels_gets_through() -> None:
    content = phone_jpeg()
    assert PLACE.encode() in content
    sizes, decoded = made(content)
    for name, file in sizes.files.items():
        assert not any(word in file for word in (PLACE.encode(), b"EXIF", b"Exif", b"XMP", b"ICCP")), name
        assert len(decoded[name].getexif()) == 0


def test_what_hangs_behind_a_picture_is_left_behind() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made_zip:
        made_zip.writestr("evil.html", "<script>alert(1)</script>")
    for kind in ("JPEG", "PNG"):
        sizes, _ = made(encoded(corners(40, 40), kind) + archive.getvalue(), kind)
        for file in sizes.files.values():
            assert not zipfile.is_zipfile(io.BytesIO(file))
            assert b"script" not in file


def test_transparency_stays() -> None:
    from PIL import Image

    image = corners(500, 500).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((500, 500)))
    for kind in ("PNG", "WEBP"):
        _, decoded = made(encoded(image, kind), kind)
        for each in decoded.values():
            assert each.mode == "RGBA"
            low, high = each.getchannel("A").getextrema()
            assert low < 10
            assert high > 245


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_of_a_png_is_read(mode: str) -> None:
    _, decoded = made(encoded(corners(50, 40).convert(mode), "PNG"), "PNG")
    assert decoded["small"].size == (50, 40)


def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    from PIL import Image

    image = Image.new("P", (20, 20), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (10, 0, 20, 20))
    _, decoded = made(encoded(image, "PNG", transparency=0), "PNG")
    assert decoded["original"].getpixel((3, 3))[3] == 0
    assert decoded["original"].getpixel((16, 3))[3] == 255


def test_sixteen_bits_of_grey_keep_their_shades() -> None:
    from PIL import Image

    image = Image.new("I;16", (256, 16))
    for x in range(256):
        image.paste(x * 257, (x, 0, x + 1, 16))
    _, decoded = made(encoded(image, "PNG"), "PNG")
    grey = decoded["original"].convert("L")
    for x in (10, 64, 128, 200, 250):
        assert abs(grey.getpixel((x, 8)) - x) <= 6


def test_cmyk_becomes_rgb() -> None:
    _, decoded = made(encoded(corners(60, 60).convert("CMYK"), "JPEG", quality=95))
    assert decoded["original"].mode == "RGB"
    assert corner_colours(decoded["original"]) == UPRIGHT


def test_a_colour_profile_is_applied_and_left_out() -> None:
    from PIL import Image, ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (40, 40), (200, 100, 50))
    for given in (srgb, profile, b"no profile at all", b""):
        sizes, decoded = made(encoded(image, "JPEG", quality=95, icc_profile=given))
        assert "icc_profile" not in decoded["original"].info
        seen = decoded["original"].getpixel((20, 20))
        assert all(abs(a - b) < 12 for a, b in zip(seen, (200, 100, 50), strict=True)), seen
        assert sizes.width == 40


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [corners(30, 30), corners(30, 30).rotate(90)]
    for kind in ("PNG", "WEBP"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True, duration=100)
        assert opened(content).n_frames == 2
        _, decoded = made(content, kind)
        assert getattr(decoded["original"], "n_frames", 1) == 1
        assert corner_colours(decoded["original"]) == UPRIGHT


def test_a_phones_picture_with_more_than_one_in_it_is_a_jpeg() -> None:
    content = encoded(corners(30, 30), "MPO", save_all=True, append_images=[corners(30, 30).rotate(90)])
    _, decoded = made(content)
    assert corner_colours(decoded["original"]) == UPRIGHT


@pytest.mark.parametrize("name", sorted(bad_files()))
def test_what_is_no_picture_is_refused(name: str) -> None:
    content_type, content = bad_files()[name]
    with pytest.raises(pictures.NotAPicture) as refused:
        pictures.make(content, content_type)
    if "bomb" in name:
        assert refused.value.reason == "too_large"
    elif " as " in name or name in ("html", "svg", "zip", "one byte", "zeros"):
        assert refused.value.reason == "other_kind"


def test_a_picture_of_many_pixels_is_made() -> None:
    from PIL import Image

    image = Image.new("L", (7000, 7000), 90)  # 49 megapixels
    for options in ({}, {"progressive": True}):
        sizes, _ = made(encoded(image, "JPEG", **options))
        assert (sizes.width, sizes.height) == (2048, 2048)


def test_one_pixel_too_many_is_refused() -> None:
    with pytest.raises(pictures.NotAPicture, match="too_large"):
        pictures.make(png_claiming(50_000_001, 1), "image/png")


def test_memory_has_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    whole = encoded(Image.new("RGBA", (6000, 6000), (1, 2, 3, 4)), "PNG")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
    assert pictures.make(whole, "image/png").width == 2048
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
    with pytest.raises(pictures.NotAPicture, match="unreadable"):
        pictures.make(whole, "image/png")


def test_time_has_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    content = scan_bomb()
    assert len(content) < 10 * 1024 * 1024
    monkeypatch.setattr(pictures, "CPU_SECONDS", 1)
    with pytest.raises(pictures.NotAPicture, match="unreadable"):
        pictures.make(content, "image/jpeg")


def test_the_process_knows_no_secret_and_writes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    run = subprocess.run

    def watched(command: list[str], **given: Any) -> Any:
        seen.update(given, command=command)
        return run(command, **given)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    monkeypatch.setattr(subprocess, "run", watched)
    made(small_jpeg())
    assert set(seen["env"]) <= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH"}
    assert "very secret" not in str(seen["env"].values())
    assert seen["timeout"] == pictures.WALL_SECONDS


def ending_with(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Another program in the place of the one that makes pictures."""
    monkeypatch.setattr(pictures, "sys", _Python(program))


class _Python:
    """Stands for the module `sys`, of which the interpreter's address is taken."""

    def __init__(self, program: str) -> None:
        self.executable = program
        self.path = sys.path


def program(folder: Any, body: str) -> str:
    file = folder / "program"
    file.write_text(f"#!{sys.executable}\n{body}")
    file.chmod(0o755)
    return str(file)


def test_a_decoder_that_crashes_is_the_files_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    body = f"import os, sys\nsys.stdin.buffer.read()\nos.kill(os.getpid(), {int(signal.SIGSEGV)})\n"
    ending_with(monkeypatch, program(tmp_path, body))
    with pytest.raises(pictures.NotAPicture, match="unreadable"):
        pictures.make(small_jpeg(), "image/jpeg")


def test_a_process_that_cant_work_at_all_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    body = "import sys\nsys.stdin.buffer.read()\nraise ImportError('no Pillow')\n"
    ending_with(monkeypatch, program(tmp_path, body))
    with pytest.raises(RuntimeError, match="no Pillow"):
        pictures.make(small_jpeg(), "image/jpeg")
    ending_with(monkeypatch, os.fspath(tmp_path / "absent"))
    with pytest.raises(Unavailable):
        pictures.make(small_jpeg(), "image/jpeg")


def test_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    body = "import sys, time\nsys.stdin.buffer.read()\ntime.sleep(60)\n"
    ending_with(monkeypatch, program(tmp_path, body))
    monkeypatch.setattr(pictures, "WALL_SECONDS", 0.3)
    with pytest.raises(Unavailable):
        pictures.make(small_jpeg(), "image/jpeg")
