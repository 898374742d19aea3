"""AuthFunction: /auth/*, put together from its endpoints."""

from sqlalchemy import text

from auth.database import database
from auth.endpoints import jwks, login, me, refresh, register
from eatit.http.app import create_app, create_handler
from eatit.secrets import secret

app = create_app(
    "auth",
    [register.router, login.router, refresh.router, me.router, jwks.router],
    {
        "database": (lambda: database.read(text("SELECT 1")), True),
        "keys": (lambda: "current" in secret("auth/signing"), True),
    },
    title="EatIt: sign-in",
)
handler = create_handler(app)
