"""AuthFunction: /auth/*, put together from its endpoints."""

from sqlalchemy import text

from auth.database import database
from auth.endpoints import jwks, login, me, refresh, register, token
from eatit.http.app import CONVENTIONS, create_app, create_handler
from eatit.secrets import secret

app = create_app(
    "auth",
    [register.router, login.router, refresh.router, me.router, jwks.router, token.router],
    {
        "database": (lambda: database.read(text("SELECT 1")), True),
        "keys": (lambda: "current" in secret("auth/signing"), True),
    },
    title="EatIt: sign-in",
    description="Accounts, sessions and the keys that access tokens are verified with. " + CONVENTIONS,
    tags={"accounts": "Who one is, and signing in.", "keys": "The public keys of access tokens."},
)
handler = create_handler(app)
