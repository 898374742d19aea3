"""Registered people whom admins find and change, in this process."""

from typing import Any

from tests.functions.calls import call, good, unique

PASSWORD = "correct horse battery 42"


def registered(admin: dict[str, str], role: str | None = None, **given: Any) -> Any:
    """The session of somebody nobody has met; `role`: given to them by the admin with these credentials."""
    body = {"email": f"{unique('person')}@example.org", "password": PASSWORD, **given}
    session = good(call("POST", "/auth/register", body), 201)
    if role is None:
        return session
    token = good(call("POST", "/auth/login", dict(admin)))["access_token"]
    good(call("PATCH", path_of(session), {"role": role}, token=token))
    return good(call("POST", "/auth/refresh", {"refresh_token": session["refresh_token"]}))


def path_of(session: Any) -> str:
    """Where admins find whose session it is."""
    return f"/auth/users/{session['user']['id']}"


def change(session: Any, token: str, **given: Any) -> Any:
    """Whose session it is, changed by an admin."""
    return good(call("PATCH", path_of(session), given, token=token))


def listed(token: str, query: str = "") -> Any:
    """A page of users."""
    return good(call("GET", f"/auth/users?{query}", token=token))


def told(sql: Any, session: Any) -> list[tuple[str, Any, Any]]:
    """What the audit says was done to a user by somebody else."""
    return sql.execute(  # type: ignore[no-any-return]
        "SELECT action, actor_id, details FROM auth.audit WHERE user_id = %s AND actor_id <> user_id ORDER BY at, id",
        [session["user"]["id"]],
    ).fetchall()
