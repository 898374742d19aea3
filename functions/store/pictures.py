"""Makes a photo's sizes out of bytes that nobody has vouched for: `make` starts a process of its own for it.

Decoders are where hostile files do their work, so they run in a process that is given neither secrets nor rights, and
bounds on memory and time, and that ends with its picture: a crash, a bomb or a leak is that one upload's alone. What is
published is encoded anew from the pixels: nothing else that was in the file, before or behind them, gets through.
"""

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from eatit.errors import Unavailable

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
SIZES = {"small": 320, "medium": 960, "original": 2048}
"""The longest side of each, in pixels; a smaller picture is never blown up."""
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 50_000_000, "WEBP": 25_000_000}
"""WebP is decoded whole and held thrice by its library; a JPEG only to the size that is wanted."""
QUALITY = 82
CPU_SECONDS = 5
WALL_SECONDS = 6.5  # within the function's 10 s
MOST_MEGABYTES = 640
SPARE_MEGABYTES = 320  # of the function's memory, for the function itself
_MEGABYTE = 1024 * 1024


class NotAPicture(Exception):
    """The bytes aren't a picture of the kind they claim: `reason` is `other_kind`, `unreadable` or `too_large`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Pictures:
    """WebP files by the names of `SIZES`; width and height in pixels are those of `original`."""

    files: dict[str, bytes]
    width: int
    height: int


def make(content: bytes, content_type: str) -> Pictures:
    """The sizes of a picture, upright, in sRGB, without metadata; of an animation its first frame.

    Raises `NotAPicture`; `Unavailable` when this machine was too busy to tell.
    """
    import subprocess

    command = [sys.executable, "-m", "store.pictures", FORMATS[content_type], str(_memory()), str(CPU_SECONDS)]
    # Nothing of this process's own environment, in which credentials are.
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=WALL_SECONDS, env=environment, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise Unavailable(what="pictures") from error
    if done.returncode < 0:  # a signal: it crashed, or used up its time
        raise NotAPicture("unreadable")
    if done.returncode:
        raise RuntimeError(f"pictures can't be made: {done.stderr.decode('utf-8', 'replace')[-500:]}")
    head, _, files = done.stdout.partition(b"\n")
    told = json.loads(head)
    if "refused" in told:
        raise NotAPicture(told["refused"])
    made, place = {}, 0
    for name, length in told["lengths"].items():
        made[name] = files[place : place + length]
        place += length
    return Pictures(made, told["width"], told["height"])


def _memory() -> int:
    """How many megabytes the process may have."""
    whole = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return max(160, min(MOST_MEGABYTES, int(whole) - SPARE_MEGABYTES)) if whole.isdigit() else MOST_MEGABYTES


def main() -> None:
    """The process: a format and bounds in megabytes and seconds as arguments, the file on stdin; on stdout a line
    of JSON with lengths, width and height (or `refused`), and the files one after the other."""
    kind, megabytes, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # All that may be missing is found before the file is looked at, so that the file isn't blamed for it.
    from PIL import Image, ImageCms, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    content = sys.stdin.buffer.read()
    _bound(megabytes, seconds)
    try:
        image = _read(content, kind)
        files = _sizes(image)
    except NotAPicture as error:
        _tell({"refused": error.reason})
        return
    except Image.DecompressionBombError:
        _tell({"refused": "too_large"})
        return
    except Exception:  # decoders raise whatever they like about what they can't read, MemoryError too
        _tell({"refused": "unreadable"})
        return
    lengths = {name: len(file) for name, file in files.items()}
    _tell({"width": image.width, "height": image.height, "lengths": lengths}, *files.values())


def _bound(megabytes: int, seconds: int) -> None:
    import resource

    bounds = {
        resource.RLIMIT_AS: megabytes * _MEGABYTE,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 16,
    }
    for kind, most in bounds.items():
        with contextlib.suppress(ValueError, OSError):  # macOS knows no bound on memory
            resource.setrlimit(kind, (most, most))


def _tell(head: dict[str, object], *files: bytes) -> None:
    for part in (json.dumps(head).encode() + b"\n", *files):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def _read(content: bytes, kind: str) -> "Picture":
    """The picture at the size of `original`: upright, in RGB or RGBA, its colours sRGB's."""
    import warnings

    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS[kind]  # twice as many raise by themselves, before anything is decoded
    warnings.simplefilter("ignore")
    try:
        opened = Image.open(BytesIO(content), formats=(kind,))
    except UnidentifiedImageError:
        raise NotAPicture("other_kind") from None
    width, height = opened.size
    if width * height > MOST_PIXELS[kind]:
        raise NotAPicture("too_large")
    wanted = _fitting(width, height, SIZES["original"])
    opened.draft(opened.mode, wanted)  # a JPEG's decoder then leaves out what would be thrown away
    opened.load()
    orientation, profile = _orientation(opened), opened.info.get("icc_profile")
    image = _plain(opened)
    if image.size != wanted:
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    image = _upright(_in_srgb(image, profile), orientation)
    image.info = {}
    return image


def _fitting(width: int, height: int, longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _orientation(image: "Picture") -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # what stands there is no reason to refuse the pixels
        return 1


def _plain(image: "Picture") -> "Picture":
    """In one of the modes RGB, RGBA, CMYK and L, 8 bits a channel."""
    if image.mode.startswith("I"):  # 16 bits of grey: a conversion would cut off what is above 255
        return image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data or image.mode in ("LA", "La", "PA", "RGBa"):
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _in_srgb(image: "Picture", profile: bytes | None) -> "Picture":
    """In sRGB, by the picture's own colour profile where it has one that can be read and fits."""
    from PIL import ImageCms

    target = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        with contextlib.suppress(Exception):
            made = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=target
            )
            if made is not None:
                return made
    return image if image.mode == target else image.convert(target)


def _upright(image: "Picture", orientation: int) -> "Picture":
    """Turned as EXIF's orientation says (CIPA DC-008, 4.6.4)."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _sizes(image: "Picture") -> dict[str, bytes]:
    """The WebP files of a picture, the largest made first and each smaller one of it."""
    from PIL import Image

    files = {}
    for name, longest in sorted(SIZES.items(), key=lambda size: -size[1]):
        wanted = _fitting(*image.size, longest)
        if image.size != wanted:
            image = image.resize(wanted, Image.Resampling.LANCZOS)
        file = BytesIO()
        image.save(file, "WEBP", quality=QUALITY, method=4, icc_profile=b"", exif=b"", xmp=b"")
        files[name] = file.getvalue()
    return files


if __name__ == "__main__":
    main()
