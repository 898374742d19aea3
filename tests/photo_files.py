"""Pictures made with Pillow as people take them, and files that only claim to be pictures."""

import io
import struct
import zipfile
import zlib
from typing import Any

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PLACE = "Anna's kitchen"


def corners(width: int, height: int) -> Any:
    """A picture whose corners are told apart: red, green, blue and white, clockwise from the upper left."""
    from PIL import Image

    image = Image.new("RGB", (width, height), RED)
    half = (width // 2, height // 2)
    image.paste(GREEN, (half[0], 0, width, half[1]))
    image.paste(BLUE, (half[0], half[1], width, height))
    image.paste(WHITE, (0, half[1], half[0], height))
    return image


def corner_colours(image: Any) -> list[str]:
    """The same of a picture, by the nearest of the four colours."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    plain = image.convert("RGB")
    width, height = plain.size
    near, far = 0.25, 0.75

    def name(x: float, y: float) -> str:
        seen = plain.getpixel((int(width * x), int(height * y)))
        return min(names, key=lambda each: sum((a - b) ** 2 for a, b in zip(names[each], seen, strict=True)))

    return [name(near, near), name(far, near), name(far, far), name(near, far)]


def encoded(image: Any, kind: str, **options: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(content: bytes) -> Any:
    """A file as a picture, decoded."""
    from PIL import Image

    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def phone_jpeg(width: int = 640, height: int = 480, orientation: int = 6) -> bytes:
    """As a phone takes it: turned by EXIF alone, and telling where it was taken."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = PLACE
    exif[0x8825] = {1: "N", 2: (55.0, 45.0, 7.0), 3: "E", 4: (37.0, 37.0, 3.0)}  # GPS
    return encoded(corners(width, height), "JPEG", quality=92, exif=exif, comment=PLACE.encode())


def small_jpeg(width: int = 64, height: int = 48) -> bytes:
    """A plain little picture."""
    return encoded(corners(width, height), "JPEG", quality=92)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose head claims any size, its pixels all zero and cut short."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def scan_bomb(side: int = 6000, scans: int = 5000) -> bytes:
    """A progressive JPEG of a few kilobytes a thousand scans, each of which goes over all of its pixels again."""
    from PIL import Image

    plain = encoded(Image.new("L", (side, side), 255), "JPEG", progressive=True)
    last = plain.rfind(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * scans + b"\xff\xd9"


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return file.getvalue()


def _noise(side: int) -> Any:
    from PIL import Image

    return Image.effect_noise((side, side), 80).convert("RGB")


def bad_files() -> dict[str, tuple[str, bytes]]:
    """Files that must be refused, with the media type that they are announced as."""
    html = b"<!doctype html><script>alert(document.domain)</script>" * 20
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>'
    jpeg, png = encoded(_noise(300), "JPEG"), encoded(_noise(300), "PNG")
    webp = encoded(_noise(300), "WEBP", lossless=True)
    broken = bytearray(png)
    broken[len(png) // 2] ^= 0xFF
    gif = encoded(corners(32, 32), "GIF")
    return {
        "html under a png's head": ("image/png", b"\x89PNG\r\n\x1a\n" + html),
        "html": ("image/jpeg", html),
        "svg": ("image/png", svg),
        "zip": ("image/webp", _zip()),
        "gif as png": ("image/png", gif),
        "gif under a jpeg's head": ("image/jpeg", b"\xff\xd8\xff\xe0" + gif),
        "png as jpeg": ("image/jpeg", png),
        "jpeg as webp": ("image/webp", jpeg),
        "bmp as png": ("image/png", encoded(corners(32, 32), "BMP")),
        "tiff as jpeg": ("image/jpeg", encoded(corners(32, 32), "TIFF")),
        "cut jpeg": ("image/jpeg", jpeg[: len(jpeg) // 2]),
        "cut png": ("image/png", png[: len(png) // 2]),
        "cut webp": ("image/webp", webp[: len(webp) // 2]),
        "broken png": ("image/png", bytes(broken)),
        "only a jpeg's head": ("image/jpeg", jpeg[:20]),
        "bomb": ("image/png", png_claiming(50_000, 50_000)),
        "bomb of one line": ("image/png", png_claiming(2_000_000_000, 1)),
        "half a bomb": ("image/png", png_claiming(8_000, 8_000)),
        "no pixels": ("image/png", png_claiming(0, 10)),
        "one byte": ("image/png", b"\x89"),
        "zeros": ("image/webp", bytes(5_000)),
    }
