"""The pacing step: the time it takes as one types, the same as the launch check tells, and errors by field."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from api.ui.visits import CSRF_HEADER
from db.tables import User
from tests.api.campaign_rows import change_row
from tests.api.people import Company, phone
from tests.ui.people import csrf_of, send_form, signed_in

FORM = {
    "delay_seconds": "2.5",
    "batch_size": "2",
    "batch_pause_seconds": "60",
    "min_delay_seconds": "",
    "max_delay_seconds": "",
}


async def ready(company: Company) -> str:
    """A draft with five contacts; where its pacing is."""
    campaign = await company.campaign()
    await company.contacts(campaign["id"], *({"phone": phone(number)} for number in range(5)))
    return f"/campaigns/{campaign['id']}/setup/pacing"


async def typed(http: httpx.AsyncClient, address: str, **fields: str) -> httpx.Response:
    """What the page sends while somebody types."""
    headers = {CSRF_HEADER: csrf_of(await http.get("/settings")), "HX-Request": "true"}
    return await http.post(f"{address}/typed", data=FORM | fields, headers=headers)


def takes(answer: httpx.Response) -> str:
    """The time that is told."""
    [found] = re.findall(r'<dd id="takes">(.*?)</dd>', answer.text)
    return str(found)


def errors(answer: httpx.Response) -> dict[str, str]:
    """What is said beside each field."""
    found = re.findall(r'class="wizard-error" id="(\w+)-error"[^>]*>([^<]*)<', answer.text)
    return {name: said for name, said in found if said}


async def test_the_time_follows_the_numbers_and_nothing_is_kept(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    before = (await company.http.get(f"/api/campaigns/{address.split('/')[2]}")).json()["pacing"]
    async with signed_in(app, owner) as http:
        assert takes(await http.get(address)) == "5 seconds"
        assert takes(await typed(http, address)) == "2 minutes 12 seconds"  # 5 × 2.5 + 2 × 60
        assert takes(await typed(http, address, delay_seconds="3600")) == "5 hours 2 minutes"
        assert takes(await typed(http, address, delay_seconds="0", batch_pause_seconds="0")) == "5 seconds"
    assert (await company.http.get(f"/api/campaigns/{address.split('/')[2]}")).json()["pacing"] == before


async def test_the_time_is_the_one_of_the_launch_check(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    campaign_id = address.split("/")[2]
    await change_row(company, campaign_id, start_at=datetime.now(UTC) + timedelta(days=2))
    async with signed_in(app, owner) as http:
        told = await typed(http, address)
        answer = await send_form(http, address, address, **FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, address.replace("pacing", "check"))
        shown = await http.get(address)
    check = (await company.http.get(f"/api/campaigns/{campaign_id}/launch-check")).json()
    assert check["eta_seconds"] == 5 * 2.5 + 2 * 60
    assert takes(told) == takes(shown) == "2 minutes 12 seconds"
    pacing = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()["pacing"]
    assert pacing == {
        "delay_seconds": 2.5,
        "batch_size": 2,
        "batch_pause_seconds": 60,
        "min_delay_seconds": 2.5,
        "max_delay_seconds": 60,
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"delay_seconds": "-1"}, {"delay_seconds": "Write a number of at least 0."}),
        ({"delay_seconds": "soon"}, {"delay_seconds": "Write a number."}),
        ({"delay_seconds": "inf"}, {"delay_seconds": "Write a number."}),
        ({"delay_seconds": "nan"}, {"delay_seconds": "Write a number."}),
        ({"batch_size": "1.5"}, {"batch_size": "Write a number."}),
        ({"batch_size": "0"}, {"batch_size": "Write a number of at least 1."}),
        ({"batch_pause_seconds": "1e9"}, {"batch_pause_seconds": "Write a number of at most 86400."}),
        ({"min_delay_seconds": "3"}, {"min_delay_seconds": "The smallest delay must not be above the delay."}),
        ({"max_delay_seconds": "2"}, {"max_delay_seconds": "The largest delay must not be below the delay."}),
    ],
)
async def test_numbers_that_cannot_be_are_told_by_field(
    app: FastAPI, company: Company, owner: User, wrong: dict[str, str], said: dict[str, str]
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        while_typing = await typed(http, address, **wrong)
        assert (while_typing.status_code, takes(while_typing), errors(while_typing)) == (200, "–", said)
        kept = await send_form(http, address, address, **(FORM | wrong))
    assert (kept.status_code, errors(kept)) == (422, said)
    [(name, text)] = wrong.items()
    assert f'name="{name}"' in kept.text
    assert f'value="{text}"' in kept.text


async def test_a_pace_of_years_is_told_without_a_date(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        await company.contacts(address.split("/")[2], *({"phone": phone(100 + n)} for n in range(4000)))
        answer = await typed(http, address, delay_seconds="86400")
    assert "in more than ten years" in answer.text


async def test_the_pacing_of_others_and_of_started_campaigns_stays(
    app: FastAPI, company: Company, rival: Company, owner: User, viewer: User
) -> None:
    own, foreign = await ready(company), await ready(rival)
    async with signed_in(app, owner) as http, signed_in(app, viewer) as looker:
        assert (await typed(looker, own)).status_code == 403
        assert (await typed(http, foreign)).status_code == 404
        token = csrf_of(await http.get("/settings"))
        assert (await http.post(foreign, data={"csrf": token, **FORM})).status_code == 404
        await change_row(company, own.split("/")[2], status="running")
        answer = await http.post(own, data={"csrf": token, **FORM})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/campaigns/{own.split('/')[2]}")
    for who, address in ((company, own), (rival, foreign)):
        shown = (await who.http.get(f"/api/campaigns/{address.split('/')[2]}")).json()
        assert shown["pacing"]["delay_seconds"] == 1
