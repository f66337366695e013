"""Who may do what: the roles of people, and the scopes that a role or a key has."""

from enum import StrEnum


class Role(StrEnum):
    """What a person may do (SPEC TEN-2), from all to little."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Scope(StrEnum):
    """What a role or a key allows. Owner includes all the others; the others include nothing but themselves."""

    READ = "read"
    WRITE = "write"
    SEND = "send"
    ADMIN = "admin"
    OWNER = "owner"


SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset({Scope.OWNER}),
    Role.ADMIN: frozenset({Scope.READ, Scope.WRITE, Scope.SEND, Scope.ADMIN}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.WRITE, Scope.SEND}),
    Role.VIEWER: frozenset({Scope.READ}),
}


def allows(scopes: frozenset[str], scope: Scope) -> bool:
    """Whether these scopes include this one."""
    return bool(scopes & {scope, Scope.OWNER})


def may_appoint(own: Role, other: Role) -> bool:
    """Whether a person of role `own` may give, change or take away the role `other`: an owner any, an admin all but
    owner and admin."""
    return own == Role.OWNER or (own == Role.ADMIN and other in {Role.OPERATOR, Role.VIEWER})
