"""Amounts of money as people read them, in Russian and English."""

# Places of the minor unit where they aren't two (ISO 4217).
_PLACES = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_SIGNS = {"RUB": "₽", "EUR": "€", "USD": "$", "GBP": "£", "KZT": "₸", "BYN": "Br"}


def amount_text(amount: int, currency: str, language: str) -> str:
    """An amount in minor units as people read it: `1 299,90 ₽` in Russian, `1,299.90 ₽` in English."""
    places = _PLACES.get(currency, 2)
    whole, part = divmod(abs(amount), 10**places)
    digits = f"{whole:,}" + (f".{part:0{places}d}" if places else "")
    if language == "ru":
        digits = digits.replace(",", "\u00a0").replace(".", ",")
    return f"{'−' if amount < 0 else ''}{digits}\u00a0{_SIGNS.get(currency, currency)}"
