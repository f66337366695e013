"""People whose WhatsApp account spells their number in another way than the list that they were imported from."""

import pytest

from tests.journeys.house import House
from tests.waiting import until

TWO_WAYS = [
    ("+525512345678", "+5215512345678"),
    ("+541123456789", "+5491123456789"),
    ("+5511987654321", "+551187654321"),
]


@pytest.mark.parametrize(("imported", "account"), TWO_WAYS)
async def test_a_reply_from_the_other_spelling_gets_message_2(house: House, imported: str, account: str) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, phones=[imported])
    await house.until_count(campaign, "out", 1)

    await house.write(channel, account, "Yes please")

    await house.until_count(campaign, "message_2_sent", 1)
    assert len(await house.texts(channel, imported)) == 2
    assert [row.phone for row in await house.rows("SELECT phone FROM contacts WHERE tenant_id = :tenant")] == [imported]


@pytest.mark.parametrize(("imported", "account"), TWO_WAYS)
async def test_a_stop_from_the_other_spelling_holds_in_every_campaign(
    house: House, imported: str, account: str
) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, phones=[imported])
    await house.until_count(campaign, "out", 1)

    await house.write(channel, account, "STOP")

    await house.until_count(campaign, "opted_out", 1)
    again = await house.campaign(channel, phones=[imported], message_1="Once more?")
    assert (await house.until_status(again, "completed"))["counts"]["suppressed"] == 1
    assert len(await house.texts(channel, imported)) == 1


async def test_a_number_imported_as_whatsapp_spells_it_is_the_contact_of_the_number_as_dialled(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, start=False, phones=["+525512345678"])
    row = {"phone": "+52 1 55 1234 5678", "first_name": "Ana"}

    told = await house.call("POST", f"/api/campaigns/{campaign.id}/contacts", json={"contacts": [row]}, expect=200)

    assert (told["added"], told["duplicates"], told["invalid"]) == (0, 1, 0)
    await house.command(campaign, "start")
    await house.until_count(campaign, "out", 1)

    await house.write(channel, "+5215512345678", "Yes")

    async def answered() -> bool:
        return len(await house.texts(channel, "+525512345678")) == 2

    await until(answered, "Message 2 at the number as dialled")
