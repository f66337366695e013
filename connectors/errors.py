"""What can go wrong on a platform, by meaning rather than by status."""

from connectors.redaction import clean, clip

SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 3600.0
DEFAULT_WAIT_SECONDS = 60.0


class ConnectorError(Exception):
    """Something that a connector could not do; the class says what the caller may do next.

    ConnectorError
    ├── Throttled              later: not before `retry_after_seconds`
    ├── Transient              later: the platform surely did not take the act (or it was only a question)
    ├── Rejected               never again: the platform refuses this very act
    ├── CredentialsExpired     after a person has replaced the credentials of the channel
    ├── AccountBlocked         after the account has been put right (quota, plan): pause it
    ├── OutcomeUnknown         look up first: the platform may or may not have taken the act
    ├── UnsupportedOperation   never: this platform has no such operation (see Capabilities)
    ├── UnknownConnector       never: no platform of that name
    └── InvalidBaseUrl         after the operator has corrected the setting

    `message` is for people: one line of at most 300 characters without keys and phone numbers. `status` is the HTTP
    status, None when there was no answer. `code` is the platform's own error code where it gives one.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        self.message = clean(message)
        self.status = status
        self.code = None if code is None else clip(code, 80)
        super().__init__(self.message)


class Throttled(ConnectorError):
    """Too fast: come back after `retry_after_seconds`, always within [1, 3600]."""

    def __init__(
        self, message: str, *, retry_after_seconds: float, status: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after_seconds = min(max(retry_after_seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


class Transient(ConnectorError):
    """Not done, and safe to try again: no connection was made, or the call only reads."""


class Rejected(ConnectorError):
    """Refused for good: the same request will be refused again."""


class CredentialsExpired(ConnectorError):
    """The key, its scope or the account's device is not accepted: a person has to replace the credentials."""


class AccountBlocked(ConnectorError):
    """The account may not send now (no quota, no plan): pause its work until a person has put it right."""


class OutcomeUnknown(ConnectorError):
    """The request was handed over but no readable answer came: ask by reference before sending again."""


class UnsupportedOperation(ConnectorError):
    """The platform has no such operation; `Capabilities` says so before the call."""

    def __init__(self, connector: str, operation: str) -> None:
        super().__init__(f"{connector} has no operation '{operation}'. Look at the connector's capabilities first.")
        self.connector = connector
        self.operation = operation


class UnknownConnector(ConnectorError):
    """No connector of that name is registered."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"There is no platform '{clip(name, 60)}'. Known platforms: {', '.join(known)}.")
        self.name = name
        self.known = known


class InvalidBaseUrl(ConnectorError):
    """The operator's base URL of a platform cannot be used."""


class MalformedPayload(Exception):
    """A webhook body that is not a JSON object; `message` says what it is instead."""

    def __init__(self, message: str) -> None:
        self.message = clean(message)
        super().__init__(self.message)
