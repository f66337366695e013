"""Taking contacts into a campaign, by CSV and JSON: exact counts, nothing by halves."""

import csv
import io
import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func
from sqlmodel import col, select

from db.tables import Contact, Enrollment, Import
from domain.statuses import CampaignStatus
from tests.api.campaign_rows import change_row, fields, listed
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, phone

ADDRESS = "/api/campaigns/{}/contacts"


def counts(answer: dict[str, Any]) -> tuple[int, int, int]:
    """Added, duplicates, invalid."""
    return answer["added"], answer["duplicates"], answer["invalid"]


def big_file(good: int, doubled: int, bad: int) -> bytes:
    """A CSV with so many rows of each kind, shuffled; doubled rows repeat good ones as people write them."""
    rows = [[phone(number), f"Name {number}"] for number in range(good)]
    rows += [[f"06 {number:08d}", "Again"] for number in range(doubled)]
    rows += [[f"not a number {number}", "Nobody"] for number in range(bad)]
    random.Random(7).shuffle(rows)
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["phone", "First name"], *rows])
    return buffer.getvalue().encode()


async def enrolled(company: Company, campaign_id: str) -> int:
    """How many contacts the campaign has."""
    async with company.database.tenant(company.tenant_id) as session:
        query = select(func.count()).select_from(Enrollment).where(col(Enrollment.campaign_id) == UUID(campaign_id))
        return (await session.exec(query)).one()


async def test_ten_thousand_rows_are_counted_exactly_and_again_change_nothing(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    content = big_file(good=9500, doubled=300, bad=200)
    first = (await company.upload(campaign_id, content)).json()
    assert counts(first) == (9500, 300, 200)
    assert len(first["errors"]) == 100
    assert await enrolled(company, campaign_id) == 9500
    before = await listed(company, campaign_id, limit=200)
    again = (await company.upload(campaign_id, content)).json()
    assert counts(again) == (0, 9800, 200)
    assert await enrolled(company, campaign_id) == 9500
    assert await listed(company, campaign_id, limit=200) == before


async def test_every_bad_row_is_in_the_error_file_with_its_number_and_reason(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    bad = "".join(f"=bad{number}\n" for number in range(2500))
    answer = (await company.upload(campaign_id, f"phone\n{phone(1)}\n{bad}".encode())).json()
    assert counts(answer) == (1, 0, 2500)
    file = await company.http.get(answer["errors_url"])
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [int(row["row"]) for row in rows] == list(range(3, 2503))
    assert {row["field"] for row in rows} == {"phone"}
    assert all(row["message"] for row in rows)
    assert [int(row["row"]) for row in rows[:100]] == [error["row"] for error in answer["errors"]]


async def test_of_doubled_rows_the_first_wins_and_later_ones_fill_in(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    rows = ["phone;Prénom;ville", f"{phone(1)};Ana;", f"{phone(1)};Bea;Lyon", f"{phone(1)};Cy;Nice"]
    answer = (await company.upload(campaign_id, "\n".join(rows).encode())).json()
    assert counts(answer) == (1, 2, 0)
    [contact] = await listed(company, campaign_id)
    assert contact["variables"] == {"prenom": "Ana", "ville": "Lyon"}


async def test_a_later_upload_fills_in_what_was_lacking_and_overwrites_nothing(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    await company.contacts(campaign_id, {"phone": phone(1), "first_name": "Ana"})
    answer = await company.contacts(campaign_id, {"phone": phone(1), "first_name": "Bea", "town": "Lyon"})
    assert counts(answer) == (0, 1, 0)
    [contact] = await listed(company, campaign_id)
    assert contact["variables"] == {"first_name": "Ana", "town": "Lyon"}


async def test_a_person_in_two_campaigns_is_one_contact(company: Company) -> None:
    for name in ("first", "second"):
        await company.contacts((await company.campaign(name=name))["id"], {"phone": phone(1), "name": "Ana"})
    async with company.database.tenant(company.tenant_id) as session:
        [contact] = list(await session.exec(select(Contact)))
    assert (contact.phone, contact.name) == (phone(1), "Ana")


async def test_contacts_come_in_the_order_of_the_file(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    numbers = [5, 3, 9, 1, 7]
    await company.upload(campaign_id, "\n".join(["phone", *map(phone, numbers)]).encode())
    assert [contact["phone"] for contact in await listed(company, campaign_id)] == [phone(n) for n in numbers]


async def test_mapping_encoding_and_region_are_obeyed(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    content = "Mobile;Prénom;Notes\n20 7946 0958;Zoë;secret\n".encode("cp1252")
    form = {"mapping": '{"Mobile": "phone", "Notes": ""}', "encoding": "cp1252", "default_region": "GB"}
    answer = await company.upload(campaign_id, content, **form)
    assert answer.status_code == 200, answer.text
    [contact] = await listed(company, campaign_id)
    assert (contact["phone"], contact["variables"]) == ("+442079460958", {"prenom": "Zoë"})


async def test_of_two_columns_that_are_one_variable_the_mapping_leaves_out_the_one_it_names(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    content = f"phone,First name,first_name\n{phone(1)},Ana,Bo\n".encode()
    assert (await company.upload(campaign_id, content)).status_code == 422
    form = {"mapping": '{"First name": "first_name", "first_name": ""}'}
    answer = await company.upload(campaign_id, content, **form)
    assert answer.status_code == 200, answer.text
    [contact] = await listed(company, campaign_id)
    assert contact["variables"] == {"first_name": "Ana"}


@pytest.mark.parametrize(
    ("content", "form", "field"),
    [
        (b"", {}, "file"),
        (b"name,town\nAna,Lyon\n", {}, "file"),
        ("phone,Prénom\n+33612345678,Zoë\n".encode("cp1252"), {}, "file"),
        (b"PK\x03\x04 a workbook", {}, "file"),
        (b"phone\n" + b"x" * 70_000 + b"\n" + b"\xff\n", {}, "file"),
        (b"phone\n+33612345678\n", {"encoding": "klingon"}, "file"),
        (b"phone\n+33612345678\n", {"mapping": "[1]"}, "mapping"),
        (b"phone\n+33612345678\n", {"mapping": '{"absent": "x"}'}, "file"),
        (b"phone,Notes,Notes\n+33612345678,a,b\n", {"mapping": '{"Notes": ""}'}, "file"),
        (b"phone\n+33612345678\n", {"default_region": "ZZ"}, "default_region"),
        (b"phone\n+33612345678\n", {"colour": "blue"}, "colour"),
    ],
)
async def test_a_file_that_cannot_be_read_changes_nothing(
    company: Company, content: bytes, form: dict[str, str], field: str
) -> None:
    campaign_id = (await company.campaign())["id"]
    answer = await company.upload(campaign_id, content, **form)
    assert answer.status_code == 422
    assert fields(answer) == [field]
    assert await enrolled(company, campaign_id) == 0


async def test_a_file_that_turns_unreadable_late_leaves_nothing_behind(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    good = "".join(f"{phone(number)}\n" for number in range(20_000))
    answer = await company.upload(campaign_id, b"phone\n" + good.encode() + b"\xff\xfe\n")
    assert answer.status_code == 422
    assert await enrolled(company, campaign_id) == 0
    async with company.database.tenant(company.tenant_id) as session:
        assert (await session.exec(select(func.count()).select_from(Contact))).one() == 0
        assert (await session.exec(select(func.count()).select_from(Import))).one() == 0


async def test_a_cell_of_a_hundred_megabytes_is_one_bad_row(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    content = b"phone,note\n" + phone(1).encode() + b"," + b"x" * 100_000_000 + b"\n" + phone(2).encode() + b",ok\n"
    answer = (await company.upload(campaign_id, content)).json()
    assert counts(answer) == (1, 0, 1)
    assert answer["errors"][0]["row"] == 2


async def test_json_contacts_are_held_to_the_same_rules(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    answer = await company.contacts(
        campaign_id,
        {"phone": phone(1), "First name": "Ana", "age": 41, "vip": True, "note": None},
        {"phone": phone(1).replace("+33", "0")},
        {"phone": "12"},
        {"first_name": "No phone"},
        {"phone": phone(2), "deep": {"er": 1}},
    )
    assert counts(answer) == (1, 1, 3)
    assert [(error["row"], error["field"]) for error in answer["errors"]] == [(2, "phone"), (3, "phone"), (4, "deep")]
    [contact] = await listed(company, campaign_id)
    assert contact["variables"] == {"first_name": "Ana", "age": "41", "vip": "true"}


@pytest.mark.parametrize(
    ("body", "content_type", "field"),
    [
        (b"{", "application/json", ""),
        (b'{"contacts": []}', "application/json", "contacts"),
        (b'{"contacts": {}}', "application/json", "contacts"),
        (b'{"contacts": [1]}', "application/json", "contacts.0"),
        (b'{"people": [{}]}', "application/json", "contacts"),
        (b"phone\n+33612345678\n", "text/csv", "content-type"),
        (b"x", "multipart/form-data", "body"),
        (b"x", "multipart/form-data; boundary=b", "body"),
        (b'{"contacts": [{"phone": "\xff"}]}', "application/json", ""),
    ],
)
async def test_a_body_that_is_no_contacts_is_refused(
    company: Company, body: bytes, content_type: str, field: str
) -> None:
    campaign_id = (await company.campaign())["id"]
    answer = await company.http.post(ADDRESS.format(campaign_id), content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 422
    assert field in fields(answer)


@pytest.mark.parametrize("status", ["running", "paused", "completed", "cancelled"])
async def test_a_started_campaign_takes_no_more_contacts(
    company: Company, workflows: RecordingWorkflows, status: str
) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status=status)
    answer = await company.http.post(ADDRESS.format(campaign_id), json={"contacts": [{"phone": phone(1)}]})
    assert answer.status_code == 409
    assert status in answer.json()["detail"]
    assert await enrolled(company, campaign_id) == 0


async def test_a_scheduled_campaign_still_takes_contacts(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status=CampaignStatus.SCHEDULED)
    assert counts(await company.contacts(campaign_id, {"phone": phone(1)})) == (1, 0, 0)


async def test_a_scheduled_campaign_takes_nobody_who_lacks_what_its_messages_need(company: Company) -> None:
    campaign_id = (await company.campaign(message_2="See you in {{ town }}"))["id"]
    await company.contacts(campaign_id, {"phone": phone(1), "town": "Lyon"})
    await change_row(company, campaign_id, status=CampaignStatus.SCHEDULED)
    people = [{"phone": phone(1)}, {"phone": phone(2), "town": "Metz"}, {"phone": phone(3)}, {"phone": phone(4)}]
    file = f"phone,town\n{phone(2)},Metz\n{phone(3)},\n{phone(4)},\n".encode()

    for refused in (
        await company.http.post(ADDRESS.format(campaign_id), json={"contacts": people}),
        await company.upload(campaign_id, file),
    ):
        assert (refused.status_code, fields(refused)) == (422, ["variables.town"])
        assert refused.json()["detail"].startswith("2 of 3 new contacts lack a value for: town.")
        assert refused.json()["missing_variables"] == {
            "count": 2,
            "variables": ["town"],
            "contacts": [{"phone": phone(number), "missing": ["town"]} for number in (3, 4)],
        }
    assert await enrolled(company, campaign_id) == 1
    async with company.database.tenant(company.tenant_id) as session:
        assert len((await session.exec(select(Contact))).all()) == 1

    whole = [person | {"town": "Nice"} for person in people]
    assert counts(await company.contacts(campaign_id, *whole)) == (3, 1, 0)


async def test_of_a_scheduled_campaign_only_the_new_are_looked_at(company: Company) -> None:
    campaign_id = (await company.campaign(message_1="Hi {{ town }}"))["id"]
    await company.contacts(campaign_id, *({"phone": phone(number)} for number in range(1, 4)))
    await change_row(company, campaign_id, status=CampaignStatus.SCHEDULED)
    assert counts(await company.contacts(campaign_id, {"phone": phone(2)})) == (0, 1, 0)
    assert counts(await company.contacts(campaign_id, {"phone": phone(9), "town": "Lyon"})) == (1, 0, 0)


async def test_errors_of_another_campaigns_upload_are_not_found(company: Company) -> None:
    campaign_id, other = (await company.campaign())["id"], (await company.campaign())["id"]
    answer = await company.contacts(campaign_id, {"phone": "12"})
    assert (await company.http.get(answer["errors_url"])).status_code == 200
    assert (await company.http.get(answer["errors_url"].replace(campaign_id, other))).status_code == 404
