"""Who may call what: the one table of every route, which the tests of this process and of the gateway walk along.

A new route is entered here; one that isn't fails `tests/unit/test_routes.py`.
"""

from typing import Any

GROUPS = ("auth", "store", "basket")
PRODUCT = "/store/products/{product_id:uuid}"
PHOTO = f"{PRODUCT}/photos/{{photo_id:uuid}}"
UNIT = "/store/units/{unit_id:uuid}"
CATEGORY = "/store/categories/{category_id:uuid}"
WAREHOUSE = "/store/warehouses/{warehouse_id:uuid}"
IMPORT = "/store/imports/{import_id:uuid}"
ITEM = "/basket/items/{product_id:uuid}"
ORDER = "/basket/orders/{order_id:uuid}"
USER = "/auth/users/{user_id:uuid}"
# open: reads no token at all; anyone: a bad token is refused; enrolling: customers, and whoever must enrol a second
# factor first; else the least role.
WHO = {
    ("POST", "/auth/register"): "open",
    ("POST", "/auth/login"): "open",
    ("POST", "/auth/refresh"): "open",
    ("POST", "/auth/token"): "open",
    ("GET", "/auth/.well-known/jwks.json"): "open",
    ("GET", "/auth/.well-known/openid-configuration"): "open",
    ("POST", "/auth/logout"): "open",
    ("POST", "/auth/password"): "customer",
    ("POST", "/auth/password/forgot"): "open",
    ("POST", "/auth/password/reset"): "open",
    ("POST", "/auth/email/verify"): "open",
    ("POST", "/auth/email/verification"): "customer",
    ("GET", "/auth/sessions"): "customer",
    ("DELETE", "/auth/sessions"): "customer",
    ("DELETE", "/auth/sessions/{session_id:uuid}"): "customer",
    ("GET", "/auth/me"): "enrolling",
    ("PATCH", "/auth/me"): "customer",
    ("GET", "/auth/totp"): "enrolling",
    ("POST", "/auth/totp"): "enrolling",
    ("POST", "/auth/totp/confirm"): "enrolling",
    ("POST", "/auth/totp/verify"): "enrolling",
    ("POST", "/auth/totp/recovery-codes"): "enrolling",
    ("DELETE", "/auth/totp"): "enrolling",
    ("GET", "/auth/users"): "admin",
    ("GET", USER): "admin",
    ("PATCH", USER): "admin",
    ("GET", "/auth/audit"): "admin",
    ("GET", "/store/units"): "anyone",
    ("POST", "/store/units"): "staff",
    ("GET", UNIT): "anyone",
    ("PATCH", UNIT): "staff",
    ("DELETE", UNIT): "staff",
    ("GET", "/store/categories"): "anyone",
    ("POST", "/store/categories"): "staff",
    ("GET", CATEGORY): "anyone",
    ("PATCH", CATEGORY): "staff",
    ("DELETE", CATEGORY): "staff",
    ("GET", "/store/products"): "anyone",
    ("POST", "/store/products"): "staff",
    ("GET", PRODUCT): "anyone",
    ("PATCH", PRODUCT): "staff",
    ("DELETE", PRODUCT): "staff",
    ("GET", "/store/products/by-barcode/{gtin}"): "anyone",
    ("GET", "/store/search"): "anyone",
    ("GET", "/store/suggest"): "anyone",
    ("GET", f"{PRODUCT}/prices"): "anyone",
    ("POST", f"{PRODUCT}/photos"): "staff",
    ("POST", f"{PHOTO}/complete"): "staff",
    ("PATCH", PHOTO): "staff",
    ("DELETE", PHOTO): "staff",
    ("GET", f"{PRODUCT}/stock"): "anyone",
    ("GET", "/store/stock"): "staff",
    ("GET", "/store/stock/movements"): "staff",
    ("POST", "/store/stock/movements"): "staff",
    ("GET", "/store/warehouses"): "anyone",
    ("POST", "/store/warehouses"): "staff",
    ("GET", WAREHOUSE): "anyone",
    ("PATCH", WAREHOUSE): "staff",
    ("DELETE", WAREHOUSE): "staff",
    ("POST", "/store/imports"): "staff",
    ("GET", IMPORT): "staff",
    ("POST", f"{IMPORT}/complete"): "staff",
    ("POST", "/store/exports"): "staff",
    ("GET", "/store/exports/{export_id:uuid}"): "staff",
    ("GET", "/basket"): "anyone",
    ("DELETE", "/basket"): "anyone",
    ("POST", "/basket/items"): "anyone",
    ("PATCH", ITEM): "anyone",
    ("DELETE", ITEM): "anyone",
    ("POST", "/basket/merge"): "customer",
    ("POST", "/basket/accept-prices"): "anyone",
    ("POST", "/basket/checkout"): "customer",
    ("GET", "/basket/orders"): "customer",
    ("GET", ORDER): "customer",
    ("PATCH", ORDER): "staff",
    ("POST", f"{ORDER}/cancel"): "customer",
    ("POST", f"{ORDER}/reorder"): "customer",
    ("GET", f"{ORDER}/receipt"): "customer",
    ("GET", f"{ORDER}/payments"): "customer",
    ("GET", f"{ORDER}/refunds"): "customer",
    ("POST", f"{ORDER}/refunds"): "staff",
    ("GET", f"{ORDER}/refunds/{{refund_id:uuid}}"): "customer",
    ("GET", "/basket/events/parked"): "admin",
    ("POST", "/basket/events/replay"): "admin",
    **{
        ("GET", f"/{group}/{page}"): "open"
        for group in GROUPS
        for page in ("health", "docs", "docs/{name}", "openapi.json")
    },
}
# Whoever calls, from nobody upwards, and from which of them on each kind of route lets a caller in.
RANKS = {"customer": 1, "staff": 2, "admin": 3}
LEAST = {"open": 0, "anyone": 0, "enrolling": 1, "customer": 1, "staff": 2, "admin": 3}
NOBODYS_ID = "019aa7c0-0000-7000-8000-000000000001"
REFUSALS = {"authentication_required", "invalid_token", "forbidden", "second_factor_required"}


def address_of(path: str) -> str:
    """A path of the table with something in the place of each parameter that stands for nothing."""
    parts = (NOBODYS_ID if part.endswith(":uuid}") else part for part in path.split("/"))
    return "/".join("start.js" if part == "{name}" else part for part in parts)


def body_for(method: str) -> dict[str, Any] | None:
    """A body that every route which reads one refuses, or changes nothing for."""
    return {} if method in ("POST", "PATCH", "PUT") else None


def refusal_of(kind: str, caller: str) -> tuple[int, str] | None:
    """How a route of this kind must refuse a caller: `nobody`, `bad` (a token that doesn't hold), `enrolling` (one
    that can only enrol), `customer`, `staff` or `admin`; `None`: it must not."""
    if kind == "open":
        return None
    if caller == "nobody":
        return None if kind == "anyone" else (401, "authentication_required")
    if caller == "bad":
        return 401, "invalid_token"
    if caller == "enrolling":
        return None if kind == "enrolling" else (403, "second_factor_required")
    return None if RANKS[caller] >= LEAST[kind] else (403, "forbidden")


CALLERS = ("nobody", "bad", "enrolling", "customer", "staff", "admin")
