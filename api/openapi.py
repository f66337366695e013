"""The OpenAPI document: what all operations have in common is added here, so that no route has to repeat it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.idempotency import KEY_HEADER, KEY_SCHEMA
from api.problems import PROBLEM_JSON, ProblemDocument

WRITES = frozenset({"post", "put", "patch", "delete"})
METHODS = WRITES | {"get"}
API_PREFIX = "/api/"

MEANINGS = {
    401: "No API key, or one that is unknown or revoked.",
    403: "The key lacks the scope.",
    404: "There is no such thing, or it is another tenant's.",
    409: "The state forbids the call, or a request with this `Idempotency-Key` is still being worked on.",
    413: "The body is too large.",
    422: "Something in the request is wrong; `errors` name the fields.",
    500: "A fault on our side.",
    503: "The database or the engine does not answer. What a write asked for may be done all the same: repeat it with "
    "the same `Idempotency-Key`, or look.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`, with our problems in place of the framework's."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    operation.get("responses", {}).pop("422", None)
    if path.startswith(API_PREFIX) and method in WRITES:
        operation.setdefault("parameters", []).append(
            {"name": KEY_HEADER, "in": "header", "required": False, "schema": KEY_SCHEMA, "description": _KEY_WORDS}
        )
    for status in _statuses(path, method, operation):
        operation["responses"].setdefault(str(status), _problem(status))


_KEY_WORDS = (
    "Repeating a request with the same key has one effect and the same answer. Another body with the same key is "
    "refused (422), a repeat while the first is being worked on too (409), and one with an API key that may do less "
    "than the first (403). After a 503 a repeat finds out what became of the first. Kept for 24 hours."
)


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    statuses = [500, 503]
    if "security" in operation:
        statuses += [401, 403]
    if "{" in path:
        statuses.append(404)
    if operation.get("parameters") or "requestBody" in operation:
        statuses.append(422)
    if method in WRITES:
        statuses += [409, 413]
    return sorted(statuses)


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": MEANINGS[status],
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
