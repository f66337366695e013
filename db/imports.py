"""Takes contacts into a campaign: rows are copied into staging as they are read, then merged by a few statements."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign, Import
from domain.csv_rows import ContactRow, RowProblem
from domain.phone_spellings import other_spelling
from domain.phone_zones import zone_prefix

ERRORS_SHOWN = 100

_STAGING = (
    """
    CREATE TEMP TABLE staged_rows (
        row_number integer, phone text, other_spelling text, variables text, prefix text
    ) ON COMMIT DROP
    """,
    "CREATE TEMP TABLE staged_problems (row_number integer, field text, message text) ON COMMIT DROP",
    """
    CREATE TEMP TABLE staged_people (
        phone text PRIMARY KEY, other_spelling text, row_number integer, variables jsonb, name text, prefix text
    ) ON COMMIT DROP
    """,
)

_NUMBER = "least(phone, other_spelling)"
_NAME = """
    left(coalesce(v ->> 'name', v ->> 'full_name', nullif(concat_ws(' ', v ->> 'first_name', v ->> 'last_name'), '')),
         200)
"""
# One row per number: the first one. Of the others only what the ones before lack is taken over. Two spellings are one
# number: the lesser of both (NULL is not less) stands for it.
_MERGE_DUPLICATES = (
    f"""
    INSERT INTO staged_people (phone, other_spelling, row_number, variables, name, prefix)
    SELECT phone, other_spelling, row_number, v, {_NAME}, prefix FROM (
        SELECT DISTINCT ON ({_NUMBER}) phone, other_spelling, row_number, variables::jsonb AS v, prefix FROM staged_rows
        ORDER BY {_NUMBER}, row_number
    ) AS firsts
    """,  # noqa: S608 - no value from outside is in it
    f"""
    WITH doubled AS (SELECT {_NUMBER} AS number FROM staged_rows GROUP BY 1 HAVING count(*) > 1),
    merged AS (
        SELECT number, jsonb_object_agg(pair.key, pair.value ORDER BY row_number DESC) AS v
        FROM staged_rows JOIN doubled ON number = {_NUMBER} CROSS JOIN LATERAL jsonb_each(variables::jsonb) AS pair
        GROUP BY number
    )
    UPDATE staged_people p SET variables = v, name = {_NAME} FROM merged WHERE number = {_NUMBER}
    """,  # noqa: S608
    "ANALYZE staged_people",
)

_CONTACTS = (
    # Somebody who is known by the other spelling alone stays one contact.
    """
    UPDATE staged_people p SET phone = c.phone
    FROM contacts c WHERE c.tenant_id = :tenant_id AND c.phone = p.other_spelling
      AND NOT EXISTS (SELECT FROM contacts own WHERE own.tenant_id = :tenant_id AND own.phone = p.phone)
    """,
    # In one order, so that two imports that meet do not wait for each other. Those that are there are not locked:
    # a send to them must not wait for an import.
    """
    INSERT INTO contacts (id, tenant_id, phone, name)
    SELECT gen_random_uuid(), :tenant_id, phone, name FROM staged_people ORDER BY phone
    ON CONFLICT (tenant_id, phone) DO NOTHING
    """,
    """
    WITH nameless AS (
        SELECT c.id, p.name FROM contacts c JOIN staged_people p ON p.phone = c.phone
        WHERE c.tenant_id = :tenant_id AND c.name IS NULL AND p.name IS NOT NULL ORDER BY c.phone FOR NO KEY UPDATE OF c
    )
    UPDATE contacts SET name = nameless.name FROM nameless WHERE contacts.id = nameless.id
    """,
)

# `xmax = 0` tells a row that is new from one that was there. A row that would stay as it is, is not written at all.
_ENROLLMENTS = text("""
    WITH written AS (
        INSERT INTO enrollments (tenant_id, campaign_id, contact_id, channel_id, variables, dial_prefix)
        SELECT :tenant_id, :campaign_id, c.id, :channel_id, p.variables, p.prefix
        FROM staged_people p JOIN contacts c ON c.tenant_id = :tenant_id AND c.phone = p.phone ORDER BY p.row_number
        ON CONFLICT (tenant_id, campaign_id, contact_id) DO UPDATE
        SET variables = excluded.variables || enrollments.variables
        WHERE excluded.variables || enrollments.variables <> enrollments.variables
        RETURNING xmax, position
    )
    SELECT count(*) FILTER (WHERE xmax = 0) AS added, min(position) FILTER (WHERE xmax = 0) AS first_added FROM written
""")

_PROBLEMS = text("""
    INSERT INTO import_problems (tenant_id, import_id, row, field, message)
    SELECT :tenant_id, :import_id, row_number, field, message FROM staged_problems ORDER BY row_number
""")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of an upload: every valid row is either added or a duplicate; `problems` are the first ones.

    What was added lies behind all that was there: from the position `first_added` on.
    """

    import_id: UUID
    added: int
    duplicates: int
    invalid: int
    problems: Sequence[RowProblem]
    first_added: int | None = None


class Staging:
    """The rows of one upload on their way into a campaign, in the transaction of `session`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._valid = 0
        self._invalid = 0
        self._problems: list[RowProblem] = []

    async def fill(self, chunks: AsyncIterator[Sequence[ContactRow | RowProblem]]) -> None:
        """Copies the rows; memory holds one chunk at a time."""
        for statement in _STAGING:
            await self._session.execute(text(statement))
        connection = await _driver(self._session)
        async for chunk in chunks:
            rows = [row for row in chunk if isinstance(row, ContactRow)]
            problems = [row for row in chunk if isinstance(row, RowProblem)]
            await connection.copy_records_to_table(
                "staged_rows",
                records=[
                    (row.row, row.phone, other_spelling(row.phone), json.dumps(row.variables), zone_prefix(row.phone))
                    for row in rows
                ],
            )
            await connection.copy_records_to_table(
                "staged_problems", records=[(row.row, row.field or "", row.message) for row in problems]
            )
            self._valid += len(rows)
            self._invalid += len(problems)
            self._problems += problems[: ERRORS_SHOWN - len(self._problems)]

    async def make_contacts(self, tenant_id: UUID) -> None:
        """Merges the rows into one per number and makes the contacts that are not there yet."""
        for statement in _MERGE_DUPLICATES:
            await self._session.execute(text(statement))
        for statement in _CONTACTS:
            await self._session.execute(text(statement), {"tenant_id": tenant_id})

    async def enroll(self, campaign: Campaign, import_id: UUID) -> ImportResult:
        """Takes the contacts into the campaign, whose row must be locked, and notes the upload."""
        target = {"tenant_id": campaign.tenant_id, "campaign_id": campaign.id, "channel_id": campaign.channel_id}
        added, first = (await self._session.execute(_ENROLLMENTS, target)).one()
        result = ImportResult(import_id, added, self._valid - added, self._invalid, self._problems, first)
        await self._note(campaign, result)
        return result

    async def _note(self, campaign: Campaign, result: ImportResult) -> None:
        self._session.add(
            Import(
                id=result.import_id,
                tenant_id=campaign.tenant_id,
                campaign_id=campaign.id,
                added=result.added,
                duplicates=result.duplicates,
                invalid=result.invalid,
            )
        )
        await self._session.flush()
        await self._session.execute(_PROBLEMS, {"tenant_id": campaign.tenant_id, "import_id": result.import_id})


async def _driver(session: AsyncSession) -> "asyncpg.Connection[asyncpg.Record]":
    """asyncpg's own connection, within the session's transaction: SQLAlchemy knows no COPY."""
    raw = await (await session.connection()).get_raw_connection()
    return cast("asyncpg.Connection[asyncpg.Record]", raw.driver_connection)
