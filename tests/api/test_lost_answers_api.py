"""A write whose outcome nobody knows: it is not told as undone, and its repeat finds out at once what became of it."""

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from api.openapi import MEANINGS
from db import answers
from db.engine import Database
from db.tables import IdempotentAnswer
from db.tables.columns import utc_now
from tests.api.campaign_rows import change_row
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, client, make_key_with, phone

KEY = {"Idempotency-Key": "order-66"}
ORDERS = {
    "pause": ("running", "paused", {}),
    "resume": ("paused", "running", {}),
    "cancel": ("running", "cancelled", {"stopped": 3}),
    "retry-failed": ("running", "completed", {"retried": 3}),
}
"""Each from where, where the campaign is when the repeat comes, and what the answer tells beyond its state."""


async def campaign_in(company: Company, status: str) -> str:
    """A campaign with a contact."""
    campaign_id: str = (await company.campaign())["id"]
    await company.contacts(campaign_id, {"phone": phone(1)})
    await change_row(company, campaign_id, status=status, started_at=None if status == "draft" else utc_now())
    return campaign_id


async def order(company: Company, campaign_id: str, verb: str) -> httpx.Response:
    """Gives an order under the key."""
    return await company.http.post(f"/api/campaigns/{campaign_id}/{verb}", headers=KEY)


async def make(company: Company, name: str = "Autumn") -> httpx.Response:
    """Makes a campaign under the key."""
    body = {"name": name, "channel_id": str(company.channel_id), "message_1": "a", "message_2": "b"}
    return await company.http.post("/api/campaigns", json=body, headers=KEY)


async def campaigns(company: Company) -> list[str]:
    """The ids of all that there are."""
    return [one["id"] for one in (await company.http.get("/api/campaigns")).json()["items"]]


async def database_away(*_: object) -> None:
    """In the place of a statement."""
    raise ConnectionResetError


def test_no_503_says_that_nothing_was_changed() -> None:
    assert "nothing" not in MEANINGS[503]
    assert "Idempotency-Key" in MEANINGS[503]


@pytest.mark.parametrize("verb", ORDERS)
async def test_an_order_that_was_taken_in_silence_is_answered_at_its_repeat(
    company: Company, workflows: RecordingWorkflows, verb: str
) -> None:
    before, after, more = ORDERS[verb]
    campaign_id = await campaign_in(company, before)
    workflows.affected, workflows.loses_answers = 3, True

    lost = await order(company, campaign_id, verb)

    assert lost.status_code == 503
    assert "may be done" in lost.json()["detail"]
    assert "same Idempotency-Key" in lost.json()["detail"]
    await change_row(company, campaign_id, status=after)  # as the workflow does in its own time
    workflows.loses_answers = False
    found, again = [await order(company, campaign_id, verb) for _ in range(2)]
    assert found.status_code == 202, found.text
    assert found.json().items() >= more.items()
    assert len(workflows.calls) == 1
    assert (again.json(), again.headers["idempotent-replayed"]) == (found.json(), "true")


async def test_a_start_whose_answer_was_not_kept_is_answered_at_its_repeat(
    company: Company, workflows: RecordingWorkflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = await campaign_in(company, "draft")
    with monkeypatch.context() as patch:
        patch.setattr(answers, "keep", database_away)
        assert (await order(company, campaign_id, "start")).status_code == 503
    found = await order(company, campaign_id, "start")
    assert (found.status_code, found.json()) == (202, {"id": campaign_id, "status": "running"})
    assert len(workflows.calls) == 1


async def test_a_start_that_the_engine_took_in_silence_is_given_again_by_its_repeat(
    company: Company, workflows: RecordingWorkflows
) -> None:
    """The first is not written down, and its workflow ends by that."""
    campaign_id = await campaign_in(company, "draft")
    workflows.loses_answers = True
    assert (await order(company, campaign_id, "start")).status_code == 503
    workflows.loses_answers = False
    found, again = [await order(company, campaign_id, "start") for _ in range(2)]
    assert (found.status_code, found.json()) == (202, {"id": campaign_id, "status": "running"})
    assert again.json() == found.json()
    assert len(workflows.calls) == 2


async def test_an_order_that_never_arrived_is_done_by_its_repeat(
    company: Company, workflows: RecordingWorkflows
) -> None:
    campaign_id = await campaign_in(company, "running")
    workflows.away = True
    assert (await order(company, campaign_id, "pause")).status_code == 503
    workflows.away = False
    assert (await order(company, campaign_id, "pause")).json()["status"] == "paused"
    assert len(workflows.calls) == 1


async def test_a_retry_of_a_campaign_that_is_over_meanwhile_opens_it_only_if_the_first_was_not_taken(
    company: Company, workflows: RecordingWorkflows
) -> None:
    campaign_id = await campaign_in(company, "running")
    workflows.away = True
    assert (await order(company, campaign_id, "retry-failed")).status_code == 503
    await change_row(company, campaign_id, status="completed")
    workflows.away, workflows.refuses = False, "The campaign is not running."
    answer = await order(company, campaign_id, "retry-failed")
    assert (answer.status_code, answer.json()["detail"][:19]) == (409, "No contact of this ")


async def test_an_answer_that_the_database_did_not_keep_is_found_by_the_repeat(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(answers, "keep", database_away)
        lost = await make(company)
    assert lost.status_code == 503
    assert "may be done" in lost.json()["detail"]
    [made] = await campaigns(company)
    assert (await make(company, "Winter")).status_code == 422
    found = await make(company)
    assert (found.status_code, found.json()["id"]) == (201, made)
    assert await campaigns(company) == [made]


async def test_with_the_database_away_altogether_the_claim_is_left_to_its_lease(
    company: Company, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for name in ("keep", "leave_open", "let_go"):
            patch.setattr(answers, name, database_away)
        assert (await make(company)).status_code == 503
    assert (await make(company)).status_code == 409
    async with company.database.tenant(company.tenant_id) as session:
        [claim] = (await session.exec(select(IdempotentAnswer))).all()
        claim.created_at -= answers.LEASE * 1.5
        session.add(claim)
    assert (await make(company)).status_code == 201
    assert len(await campaigns(company)) == 1


async def test_what_failed_by_a_bug_is_taken_up_by_its_repeat_too(
    company: Company, workflows: RecordingWorkflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = await campaign_in(company, "running")

    def broken() -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(workflows, "_answer", broken)
        assert (await order(company, campaign_id, "pause")).status_code == 500
    await change_row(company, campaign_id, status="paused")
    assert (await order(company, campaign_id, "pause")).status_code == 202
    assert len(workflows.calls) == 1


async def test_a_change_that_is_half_done_is_finished_by_its_repeat(
    company: Company, workflows: RecordingWorkflows
) -> None:
    async def loosen(rate: float) -> httpx.Response:
        body = {"rate_per_second": rate}
        return await company.http.patch(f"/api/channels/{company.channel_id}", json=body, headers=KEY)

    workflows.away = True
    half = await loosen(2)
    assert (half.status_code, half.json()["detail"][:27]) == (503, "The channel is changed, but")
    workflows.away = False
    assert (await loosen(3)).status_code == 422, "the key is not free for something else"
    assert (await loosen(2)).status_code == 200
    assert len(workflows.asked("release_channel")) == 1


async def test_the_refusal_of_another_does_not_free_the_key_of_what_is_open(
    company: Company, workflows: RecordingWorkflows, app: FastAPI, database: Database
) -> None:
    campaign_id = await campaign_in(company, "running")
    workflows.loses_answers = True
    assert (await order(company, campaign_id, "pause")).status_code == 503
    await change_row(company, campaign_id, status="paused")
    workflows.loses_answers = False
    async with client(app, await make_key_with(database, company.tenant_id, "read")) as http:
        refused = await http.post(f"/api/campaigns/{campaign_id}/pause", headers=KEY)
    assert refused.status_code == 403
    assert (await order(company, campaign_id, "pause")).status_code == 202
    assert len(workflows.calls) == 1


async def test_a_refusal_is_told_though_its_key_could_not_be_freed(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = await campaign_in(company, "draft")
    monkeypatch.setattr(answers, "let_go", database_away)
    assert (await order(company, campaign_id, "pause")).status_code == 409


async def test_a_refusal_frees_the_key(company: Company) -> None:
    campaign_id = await campaign_in(company, "draft")
    assert (await order(company, campaign_id, "pause")).status_code == 409
    assert (await make(company)).status_code == 201
