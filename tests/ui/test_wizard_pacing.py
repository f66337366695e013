"""The pacing step: the time it takes as one types, the same as the launch check tells, and errors by field."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

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


async def typed(http: httpx.AsyncClient, address: str, **fields: Any) -> httpx.Response:
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


WINDOW: dict[str, Any] = {
    "window": "on",
    "window_start": "10:00",
    "window_end": "11:00",
    "window_days": ["0", "1", "2", "3", "4", "5", "6"],
    "window_zone": "",
    "window_zone_name": "Asia/Tokyo",
}


async def test_the_send_window_is_kept_and_shown_again(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    at_api = f"/api/campaigns/{address.split('/')[2]}"
    async with signed_in(app, owner) as http:
        kept = await send_form(http, address, address, **FORM, **WINDOW)
        assert (kept.status_code, kept.headers["location"]) == (303, address.replace("pacing", "check"))
        hours = {"start": "10:00", "end": "11:00", "days": list(range(7)), "zone": "Asia/Tokyo", "message_2": False}
        assert (await company.http.get(at_api)).json()["send_window"] == hours
        shown = (await http.get(address)).text
        assert 'id="window_start" name="window_start" value="10:00"' in shown
        assert 'value="Asia/Tokyo"' in shown
        assert (await send_form(http, address, address, **FORM)).status_code == 303
    assert (await company.http.get(at_api)).json()["send_window"] is None


@pytest.mark.parametrize("zone", ["tenant", "contact"])
async def test_the_time_follows_the_window_as_it_is_typed(
    app: FastAPI, company: Company, owner: User, zone: str
) -> None:
    address = await ready(company)
    await change_row(company, address.split("/")[2], start_at=datetime(2095, 1, 12, 9, tzinfo=UTC))  # 10:00 in Paris
    hours = {"window_start": "13:00", "window_end": "14:00", "window_zone": zone}
    async with signed_in(app, owner) as http:
        free = await typed(http, address)
        waits = await typed(http, address, **(WINDOW | hours))
        await send_form(http, address, address, **(FORM | WINDOW | hours))
        shown = await http.get(address)
    assert takes(free) == "2 minutes 12 seconds"
    assert takes(waits) == takes(shown) == "3 hours 2 minutes"


@pytest.mark.parametrize(
    ("wrong", "name", "said"),
    [
        ({"window_start": ""}, "start", "Fill this in."),
        ({"window_end": "25:00"}, "end", "Fill this in."),
        ({"window_days": []}, "days", "Choose at least one day."),
        ({"window_days": ["9" * 5000]}, "days", "Choose at least one day."),
        ({"window_zone_name": "Mars/Base"}, "zone", "There is no such time zone; write a name such as Europe/Paris."),
        ({"window_zone_name": ""}, "zone", "There is no such time zone; write a name such as Europe/Paris."),
    ],
)
async def test_a_window_that_cannot_be_is_told_at_its_field_and_nothing_is_lost(
    app: FastAPI, company: Company, owner: User, wrong: dict[str, Any], name: str, said: str
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        while_typing = await typed(http, address, **(WINDOW | wrong))
        assert (while_typing.status_code, takes(while_typing)) == (200, "–")
        kept = await send_form(http, address, address, **(FORM | WINDOW | wrong | {"delay_seconds": "7.25"}))
    assert kept.status_code == 422
    assert f'id="window_{name}-wrong">{said}<' in kept.text
    assert 'name="window" value="on" checked' in kept.text
    assert 'value="7.25"' in kept.text
    shown = (await company.http.get(f"/api/campaigns/{address.split('/')[2]}")).json()
    assert (shown["send_window"], shown["pacing"]["delay_seconds"]) == (None, 1)


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
