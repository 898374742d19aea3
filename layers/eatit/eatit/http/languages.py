"""Which language the caller wants: Russian or English, by Accept-Language (RFC 9110, section 12.5.4)."""

from functools import lru_cache

LANGUAGES = ("ru", "en")


@lru_cache(maxsize=256)
def preferred_language(accept_language: str | None, default: str) -> str:
    """The best of our languages for this header; `default` where it names none of them, or `*`."""
    best, best_quality = default, 0.0
    for part in (accept_language or "")[:500].split(","):
        tag, _, parameter = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        name, _, value = parameter.partition("=")
        try:
            quality = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        language = default if language == "*" else language
        if language in LANGUAGES and 1.0 >= quality > best_quality:
            best, best_quality = language, quality
    return best
