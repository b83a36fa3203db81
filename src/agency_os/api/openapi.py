"""The OpenAPI document: problem details for every error, and for every operation the right that it asks for."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from agency_os.api import errors
from agency_os.api.routes import v1

DESCRIPTION: Final = """\
Books sales meetings for marketing agencies. What belongs to a tenant stands under `/api/v1/clients/{client_id}`.

* **Who calls**: `Authorization: Bearer` with an access token of Supabase Auth, or with an API key of one client.
  `x-permission` names the right that an operation asks for; who lacks it gets 403, a stranger to the client 404.
* **Lists** come in pages: give `next_cursor` as `cursor`, until it is null.
* **Repeats**: a POST with an `Idempotency-Key` is done once; repeats within 24 hours get the first answer.
* **Changes** may name the `ETag` they saw in `If-Match`; what has changed since answers 412.
* **Errors** are problem details (RFC 9457). `X-Request-Id` names the request in our logs.
"""


class Api(FastAPI):
    """FastAPI whose description names rights and holds the schema that all errors share."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            document: dict[str, Any] = super().openapi()
            document["components"]["schemas"]["Problem"] = errors.Problem.model_json_schema()
            for operations in document["paths"].values():
                for operation in operations.values():
                    if (permission := PERMISSIONS.get(operation["operationId"])) is not None:
                        operation["x-permission"] = permission
        return self.openapi_schema or {}


def _permission(dependant: Dependant) -> str | None:
    """The right that a route's dependencies ask for, None where they ask for none."""
    found: str | None = getattr(dependant.call, "permission", None)
    for part in dependant.dependencies:
        found = found or _permission(part)
    return found


PERMISSIONS: Final = {
    route.name: permission
    for module in v1.MODULES
    for route in module.router.routes
    if isinstance(route, APIRoute) and (permission := _permission(route.dependant)) is not None
}
"""By operation id."""
