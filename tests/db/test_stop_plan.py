"""A STOP looks at what is wanted for one person, not at every message that ever went out."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from db.engine import Database
from db.ledger import refuse
from tests.db.planner import known_to_the_planner
from tests.ledger_world import World, fresh_phone

MESSAGES = 20_000

_MANY = """
    WITH person AS (
        INSERT INTO contacts (id, tenant_id, phone)
        SELECT gen_random_uuid(), :tenant, '+33700' || lpad(n::text, 7, '0') FROM generate_series(1, :messages) AS n
        RETURNING id, phone
    )
    INSERT INTO deliveries (id, tenant_id, channel_id, contact_id, kind, idempotency_key, status)
    SELECT gen_random_uuid(), :tenant, :channel, id, 'test', id::text,
           CASE WHEN right(phone, 1) < '3' THEN 'held' ELSE 'sent' END
    FROM person
"""


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield node
    for child in node.get("Plans", []):
        yield from walk(child)


async def test_what_is_held_for_a_phone_is_found_by_an_index_however_many_messages_went_out_or_are_held(
    database: Database, database_url: str
) -> None:
    world = await World.make(database)
    await world.run(_MANY, messages=MESSAGES)
    phone = fresh_phone()
    await world.person(phone=phone)
    await known_to_the_planner(database_url)

    async with database.tenant(world.tenant_id) as session:
        plan = await session.execute(
            text(f"EXPLAIN (ANALYZE, FORMAT JSON) {refuse._TO_PHONES.text}"),
            {"tenant_id": world.tenant_id, "phones": [phone], "reason": "asked"},
        )
        [top] = plan.scalar_one()

    nodes = list(walk(top["Plan"]))
    of_deliveries = [node for node in nodes if node.get("Alias") == "d" and node["Node Type"] != "ModifyTable"]
    assert "deliveries_wanted" in {node.get("Index Name") for node in of_deliveries}, nodes
    assert "contact_id" in " ".join(str(node.get("Index Cond")) for node in of_deliveries)
    assert not any(node["Node Type"] == "Seq Scan" and node.get("Relation Name") == "deliveries" for node in nodes)
