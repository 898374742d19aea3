"""GET /<group>/health: what the group stands on, each asked now."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from eatit.http.answers import JSON, dump
from eatit.http.shapes import HealthAnswer
from eatit.observability import logger

HEALTH_TAG = {"health": "Whether the group can serve."}
Check = tuple[Callable[[], Any], bool]
"""What to ask, raising or giving False when it is down, and whether the group can't serve without it."""


def health_route(group: str, checks: dict[str, Check]) -> APIRouter:
    """The health route of a group: 200 `ok` or `degraded`, 503 `down`."""
    router = APIRouter()

    @router.get(
        f"/{group}/health",
        tags=["health"],
        summary="Ask whether the group can serve",
        operation_id=f"{group}_health",
        response_model=HealthAnswer,
        responses={503: {"model": HealthAnswer, "description": "Something it can't serve without is down"}},
    )
    async def health() -> Response:
        """Asks all it stands on, now. `degraded`, still 200: something it can do without is down."""
        results = {name: _holds(name, check) for name, (check, _) in checks.items()}
        down = any(not results[name] for name, (_, needed) in checks.items() if needed)
        status = "down" if down else "ok" if all(results.values()) else "degraded"
        answer = {"status": status, "checks": {name: "ok" if holds else "down" for name, holds in results.items()}}
        headers = {"Cache-Control": "no-store"} | ({"Retry-After": "1"} if down else {})
        return Response(dump(answer), 503 if down else 200, headers=headers, media_type=JSON)

    return router


def _holds(name: str, check: Callable[[], Any]) -> bool:
    try:
        return check() is not False
    except Exception:
        logger.warning("health check failed", check=name, exc_info=True)
        return False
