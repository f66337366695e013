"""What goes wrong at the API: one tree of problems, each answered as `application/problem+json` (RFC 9457).

Problem
├── Unauthenticated 401      ├── Conflict 409       ├── Unprocessable 422
├── Forbidden 403            ├── TooLarge 413       └── Unavailable 503
└── NotFound 404
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

PROBLEM_JSON = "application/problem+json"


class FieldError(BaseModel):
    """One thing that is wrong in a request: where (dotted path) and what."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """An error answer. Some problems carry further members, which their operation describes."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "The request has 1 error: message_1: The message is empty. Write what it is to say.",
                    "errors": [{"field": "message_1", "message": "The message is empty. Write what it is to say."}],
                }
            ]
        },
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = Field(default=None, description="One entry per field that is wrong.")


class ProblemResponse(JSONResponse):
    """A JSON answer that says it is a problem."""

    media_type = PROBLEM_JSON


class Problem(HTTPException):
    """An error with a sentence that tells the caller what to do; `extra` becomes members of the answer.

    It is an HTTPException so that the framework hands it on unchanged wherever it is raised, even while a body is read.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal Server Error"

    def __init__(
        self, detail: str, *, extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(self.status, detail, headers=dict(headers) if headers else None)
        self.extra = dict(extra or {})

    def response(self) -> ProblemResponse:
        """The answer."""
        return problem_response(self.status, self.title, self.detail, extra=self.extra, headers=self.headers)


class Unauthenticated(Problem):
    """No key, or one that nobody has."""

    status, title = 401, "Unauthorized"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """The key may not do this."""

    status, title = 403, "Forbidden"


class NotFound(Problem):
    """There is no such thing, or it is another tenant's: the two look the same on purpose."""

    status, title = 404, "Not Found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class Conflict(Problem):
    """The state of the thing forbids the call."""

    status, title = 409, "Conflict"


class TooLarge(Problem):
    """The body passes its limit."""

    status, title = 413, "Content Too Large"


class Unprocessable(Problem):
    """The request was understood and cannot be taken; `errors` name the fields."""

    status, title = 422, "Unprocessable Content"

    def __init__(
        self, errors: Sequence[FieldError], detail: str | None = None, *, extra: Mapping[str, Any] | None = None
    ) -> None:
        listed = {"errors": [error.model_dump() for error in errors]} if errors else {}
        super().__init__(detail or _summary(errors), extra={**listed, **(extra or {})})

    @classmethod
    def of(cls, field: str, message: str) -> "Unprocessable":
        """The problem with one field."""
        return cls([FieldError(field=field, message=message)])


class Unavailable(Problem):
    """Something that Relance needs is away; the call may be repeated."""

    status, title = 503, "Service Unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


def _summary(errors: Sequence[FieldError]) -> str:
    count = f"{len(errors)} error{'s' if len(errors) > 1 else ''}"
    first = f"{errors[0].field}: {errors[0].message}" if errors[0].field else errors[0].message
    return f"The request has {count}: {first}"


def problem_response(
    status: int,
    title: str,
    detail: str,
    *,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """An `application/problem+json` answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **(extra or {})}
    return ProblemResponse(body, status_code=status, headers=headers)
