"""AuthFunction: /auth/*, put together from its endpoints."""

from sqlalchemy import text

from auth.database import database
from auth.endpoints import (
    audit,
    email,
    jwks,
    login,
    logout,
    me,
    openid_configuration,
    password,
    refresh,
    register,
    sessions,
    token,
    totp,
    user,
    users,
)
from eatit.http.app import CONVENTIONS, create_app, create_handler
from eatit.revocation import is_reachable
from eatit.secrets import secret

app = create_app(
    "auth",
    [
        register.router,
        login.router,
        token.router,
        refresh.router,
        logout.router,
        me.router,
        password.router,
        email.router,
        sessions.router,
        totp.router,
        users.router,
        user.router,
        audit.router,
        jwks.router,
        openid_configuration.router,
    ],
    {
        "database": (lambda: database.read(text("SELECT 1")), True),
        "keys": (lambda: "current" in secret("auth/signing"), True),
        "cache": (is_reachable, False),
    },
    title="EatIt: sign-in",
    description="Accounts, sessions and the keys that access tokens are verified with. " + CONVENTIONS,
    tags={
        "accounts": "Who one is, and signing in.",
        "sessions": "Where one is signed in, and signing out.",
        "passwords": "Changing a password, and getting in without it.",
        "second factor": "Codes of an authenticator, asked for beside the password.",
        "users": "What admins see and change.",
        "keys": "The public keys of access tokens, and where everything is.",
    },
)
handler = create_handler(app)
