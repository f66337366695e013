"""Numbers that are typed: what is read, what could mean two things, and that our own hints can be typed back."""

import re

import pytest
from fastapi import FastAPI

from api.routes.channel_shapes import ChannelChange
from api.ui.channel_forms import WRONG, LimitsForm
from api.ui.languages import LANGUAGES, translate
from api.ui.numbers import two_ways, with_point
from api.ui.routes.rehearsal import ASKED, MINUTES, SHARE, read
from db.tables import User
from domain.people import Role
from tests.api.people import Company
from tests.ui.people import add_user, send_form, signed_in

NUMBERS = re.compile(r"\d(?:[\d.,\s]*\d)?")
SAID = "“1,500” can be read in two ways. Write 1500 or 1.5."


@pytest.mark.parametrize(
    ("typed", "number"),
    [("0,5", 0.5), (" 2.5 ", 2.5), ("0,500", 0.5), ("1500,250", 1500.25), ("1.500", 1.5), ("12,5", 12.5), ("7", 7.0)],
)
def test_a_comma_before_decimals_is_read_as_one(typed: str, number: float) -> None:
    assert two_ways(typed) is None
    assert float(with_point(typed)) == number


@pytest.mark.parametrize("typed", ["1,500", "1,000", " 12,345 ", "999,999", "+1,500"])
def test_a_comma_that_may_stand_between_thousands_is_not_guessed_at(typed: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        float(with_point(typed))
    said = two_ways(typed)
    assert said is not None
    assert translate("fr", said) != said
    _, *ways = NUMBERS.findall(said)
    assert [two_ways(way) for way in ways] == [None, None]
    assert float(ways[0]) == 1000 * float(ways[1])


async def test_a_pace_that_can_be_read_in_two_ways_is_refused(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await company.campaign(pacing={"delay_seconds": 4, "max_delay_seconds": 3600})
    at = f"/campaigns/{campaign['id']}/pacing"
    async with signed_in(app, owner) as http:
        answer = await send_form(http, at, at, delay_seconds="1,500", batch_size="20")
    assert (answer.status_code, SAID in answer.text, 'value="1,500"' in answer.text) == (422, True, True)
    kept = (await company.http.get(f"/api/campaigns/{campaign['id']}")).json()["pacing"]
    assert (kept["delay_seconds"], kept["batch_size"]) == (4, campaign["pacing"]["batch_size"])


async def test_a_rate_that_can_be_read_in_two_ways_is_refused(app: FastAPI, company: Company) -> None:
    owner = await add_user(company.database, company.tenant_id, Role.OWNER, language="fr")
    at = f"/channels/{company.channel_id}"
    before = (await company.http.get(f"/api/channels/{company.channel_id}")).json()["rate_per_second"]
    async with signed_in(app, owner) as http:
        answer = await send_form(http, at, at, name="Main number", rate="1,500")
    assert answer.status_code == 422
    assert "« 1,500 » peut se lire de deux façons. Écrivez 1500 ou 1.5." in answer.text
    assert (await company.http.get(f"/api/channels/{company.channel_id}")).json()["rate_per_second"] == before


@pytest.mark.parametrize("name", ["reply_share", "reply_after", "failure_share"])
def test_an_assumption_that_can_be_read_in_two_ways_is_refused(name: str) -> None:
    _, errors = read(ASKED | {name: "1,500"})
    assert errors == {name: SAID}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_in_our_own_sentences_can_be_typed_as_they_stand(language: str) -> None:
    for field, form in (("rate_per_second", "rate"), ("daily_quota", "quota")):
        for number in NUMBERS.findall(translate(language, WRONG[field])):
            typed = LimitsForm.model_validate({form: number}).limits[field]
            assert getattr(ChannelChange.model_validate({field: typed}), field) is not None
    assert len(NUMBERS.findall(translate(language, WRONG["rate_per_second"]))) == 2
    for name, sentence in (("reply_share", SHARE), ("reply_after", MINUTES)):
        *_, most = NUMBERS.findall(translate(language, sentence))
        assert read(ASKED | {name: most})[1] == {}
