"""The people of a tenant: how they sign in, and where they are signed in."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, belongs, moment


class User(SQLModel, table=True):
    """A person. `email` is kept in small letters; the first owner chooses it, with a password, by a link."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("email", name="users_email_key"),
        Index("users_listing", "tenant_id", "created_at", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    email: str | None = None
    name: str
    role: str
    language: str | None = None
    password_hash: str | None = None
    created_at: datetime = moment(nullable=False)
    disabled_at: datetime | None = moment()
    seen_at: datetime | None = moment()


class UserSession(SQLModel, table=True):
    """One browser that is signed in. Of its token only the SHA-256 is kept; `csrf_token` must come with every form."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        UniqueConstraint("token_hash", name="user_sessions_token_hash_key"),
        Index("user_sessions_user", "tenant_id", "user_id"),
        belongs("user_id", "users", ondelete="CASCADE"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    user_id: UUID
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    csrf_token: str
    browser: str | None = None
    created_at: datetime = moment(nullable=False)
    seen_at: datetime = moment(nullable=False)


class SignInLink(SQLModel, table=True):
    """A link that lets a person choose a password, once; of its token only the SHA-256 is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = (
        UniqueConstraint("token_hash", name="sign_in_links_token_hash_key"),
        Index("sign_in_links_user", "tenant_id", "user_id"),
        belongs("user_id", "users", ondelete="CASCADE"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    user_id: UUID
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = moment(nullable=False)
    expires_at: datetime = moment(nullable=False)


class SignInAttempts(SQLModel, table=True):
    """Failed sign-ins in a row from one place at one address; `subject` is a SHA-256 of both. It is of no tenant."""

    __tablename__ = "sign_in_attempts"

    subject: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    failures: int = 0
    failed_at: datetime = moment(nullable=False)
