"""The audience step: what a file shows before it is taken in, and what became of it."""

import json
import re

import httpx
import pytest
from fastapi import FastAPI

from api.app import body_limit
from api.ui.visits import CSRF_HEADER
from db.tables import User
from tests.api.campaign_rows import change_row, listed
from tests.api.people import Company, phone
from tests.ui.people import csrf_of, signed_in

FILE = "Mobile;Prénom;Notes\n06 12 34 56 78;Ana;secret\n12;Bo;x\n+33612345678;Again;y\n".encode()


async def post(http: httpx.AsyncClient, address: str, content: bytes, **fields: str) -> httpx.Response:
    """Sends a file as the page's script does."""
    token = csrf_of(await http.get("/settings"))
    headers = {CSRF_HEADER: token, "HX-Request": "true"}
    return await http.post(address, files={"file": ("people.csv", content)}, data=fields, headers=headers)


def selected(text: str) -> dict[str, str]:
    """What each column is mapped to."""
    selects = re.findall(r'data-column="([^"]*)".*?</select>', text, flags=re.DOTALL)
    chosen = re.findall(r'<option value="([^"]*)" selected>', text)
    return dict(zip(selects, chosen, strict=True))


async def test_the_head_of_a_file_shows_columns_and_phones_as_they_will_be(
    app: FastAPI, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    address = f"/campaigns/{campaign_id}/setup/audience"
    async with signed_in(app, owner) as http:
        shown = (await post(http, f"{address}/look", FILE)).text
        assert selected(shown) == {"Mobile": "phone", "Prénom": "prenom", "Notes": "notes"}
        assert "+33612345678" in shown
        assert "Mobile: The number is too short for its country." in shown
        mapping = json.dumps({"Mobile": "phone", "Prénom": "name", "Notes": ""})
        mapped = (await post(http, f"{address}/look", FILE, mapping=mapping)).text
        assert selected(mapped) == {"Mobile": "phone", "Prénom": "name", "Notes": ""}
        assert "name: Ana" in mapped
        assert "notes: secret" not in mapped
    assert await listed(company, campaign_id) == []


async def test_a_scheduled_campaign_takes_no_file_that_lacks_what_its_messages_need(
    app: FastAPI, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign(message_1="Hi {{ town }}"))["id"]
    await change_row(company, campaign_id, status="scheduled")
    file = f"phone\n{phone(1)}\n".encode()
    async with signed_in(app, owner) as http:
        told = await post(http, f"/campaigns/{campaign_id}/setup/audience/contacts", file)
    assert told.status_code == 422
    assert "Some of these contacts have no value for town" in told.text
    assert await listed(company, campaign_id) == []


async def test_phones_are_found_by_their_looks_where_no_header_names_them(
    app: FastAPI, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    content = f"Who,Where to\nAna,{phone(1)}\nBo,{phone(2)}\n".encode()
    async with signed_in(app, owner) as http:
        shown = await post(http, f"/campaigns/{campaign_id}/setup/audience/look", content)
    assert selected(shown.text) == {"Who": "who", "Where to": "phone"}


async def test_a_file_is_taken_in_and_its_bad_rows_can_be_downloaded(
    app: FastAPI, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    address = f"/campaigns/{campaign_id}/setup/audience"
    mapping = json.dumps({"Mobile": "phone", "Prénom": "name", "Notes": ""})
    async with signed_in(app, owner) as http:
        told = (await post(http, f"{address}/contacts", FILE, mapping=mapping, default_region="FR")).text
        for which, count in (("added", 1), ("duplicates", 1), ("invalid", 1)):
            assert f'<dd id="{which}">{count}</dd>' in told
        [link] = re.findall(r'href="([^"]*/errors/[^"]*)"', told)
        file = await http.get(link)
        assert file.headers["content-type"].startswith("text/csv")
        assert file.text.splitlines()[1].startswith("3,Mobile,")
        page = (await http.get(address)).text
        assert "1 contact so far." in page
        assert link in page
    [contact] = await listed(company, campaign_id)
    assert (contact["phone"], contact["name"], contact["variables"]) == (phone(12345678), "Ana", {"name": "Ana"})


@pytest.mark.parametrize(
    ("content", "fields", "said"),
    [
        (b"", {}, "The file is empty."),
        (b"name,town\nAna,Lyon\n", {}, "No column holds the phone numbers"),
        (b"PK\x03\x04 a workbook", {}, "an Excel workbook"),
        (bytes(range(256)), {}, "encoding"),
        ("phone,Prénom\n+33612345678,Zoë\n".encode("cp1252"), {}, "not in the encoding below"),
        (b"phone,tel\n+33612345678,1\n", {"mapping": '{"tel": "phone"}'}, "same variable"),
    ],
)
async def test_a_file_that_cannot_be_taken_in_is_told_why_and_changes_nothing(
    app: FastAPI, company: Company, owner: User, content: bytes, fields: dict[str, str], said: str
) -> None:
    campaign_id = (await company.campaign())["id"]
    async with signed_in(app, owner) as http:
        for action in ("look", "contacts"):
            answer = await post(http, f"/campaigns/{campaign_id}/setup/audience/{action}", content, **fields)
            assert answer.status_code == 422
            assert said in answer.text
    assert await listed(company, campaign_id) == []


@pytest.mark.parametrize(
    ("header", "labels"),
    [("First name,first_name", ("First name", "first_name")), ("Notes,Notes", ("Notes (1)", "Notes (2)"))],
)
@pytest.mark.parametrize("left_out", [0, 1])
async def test_either_of_two_columns_that_are_one_variable_can_be_left_out(
    app: FastAPI, company: Company, owner: User, header: str, labels: tuple[str, str], left_out: int
) -> None:
    campaign_id = (await company.campaign())["id"]
    address = f"/campaigns/{campaign_id}/setup/audience"
    content = f"phone,{header}\n{phone(1)},Ana,Bo\n".encode()
    async with signed_in(app, owner) as http:
        shown = await post(http, f"{address}/look", content)
        assert (shown.status_code, f"The columns {', '.join(labels)} would be" in shown.text) == (422, True)
        mapping = selected(shown.text) | {labels[left_out]: ""}
        chosen = await post(http, f"{address}/look", content, mapping=json.dumps(mapping))
        assert (chosen.status_code, selected(chosen.text)) == (200, mapping)
        assert (await post(http, f"{address}/contacts", content, mapping=json.dumps(mapping))).status_code == 200
    [contact] = await listed(company, campaign_id)
    assert list(contact["variables"].values()) == [("Bo", "Ana")[left_out]]


async def test_a_file_without_rows_says_so(app: FastAPI, company: Company, owner: User) -> None:
    campaign_id = (await company.campaign())["id"]
    async with signed_in(app, owner) as http:
        for action in ("look", "contacts"):
            answer = await post(http, f"/campaigns/{campaign_id}/setup/audience/{action}", b"phone,town\n")
            assert (answer.status_code, "there is no row" in answer.text) == (200, True)


async def test_another_encoding_is_read_when_it_is_chosen(app: FastAPI, company: Company, owner: User) -> None:
    campaign_id = (await company.campaign())["id"]
    content = "phone,Prénom\n+33612345678,Zoë\n".encode("cp1252")
    async with signed_in(app, owner) as http:
        shown = await post(http, f"/campaigns/{campaign_id}/setup/audience/look", content, encoding="cp1252")
    assert "prenom: Zoë" in shown.text


async def test_what_is_written_in_a_file_is_text_and_nothing_else(app: FastAPI, company: Company, owner: User) -> None:
    campaign_id = (await company.campaign())["id"]
    content = b'phone,"<b onclick=""x"">a</b>"\n<script>1</script>,<img src=x>\n+33612345678,<i>y</i>\n'
    async with signed_in(app, owner) as http:
        for action in ("look", "contacts"):
            told = (await post(http, f"/campaigns/{campaign_id}/setup/audience/{action}", content)).text
            assert not re.search(r"<(script|img|b|i)\b", told), told


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=b", "text/plain"])
async def test_a_broken_upload_is_refused(app: FastAPI, company: Company, owner: User, content_type: str) -> None:
    campaign_id = (await company.campaign())["id"]
    async with signed_in(app, owner) as http:
        token = csrf_of(await http.get("/settings"))
        for action in ("look", "contacts"):
            address = f"/campaigns/{campaign_id}/setup/audience/{action}"
            answer = await http.post(address, content=b"x", headers={"Content-Type": content_type, CSRF_HEADER: token})
            assert answer.status_code == 422, answer.text


async def test_contacts_come_from_nowhere_but_the_own_draft(
    app: FastAPI, company: Company, rival: Company, owner: User, viewer: User
) -> None:
    own, foreign = (await company.campaign())["id"], (await rival.campaign())["id"]
    async with signed_in(app, owner) as http, signed_in(app, viewer) as looker:
        for action in ("look", "contacts"):
            assert (await post(http, f"/campaigns/{foreign}/setup/audience/{action}", FILE)).status_code == 404
            assert (await post(looker, f"/campaigns/{own}/setup/audience/{action}", FILE)).status_code == 403
        await change_row(company, own, status="running")
        assert (await post(http, f"/campaigns/{own}/setup/audience/contacts", FILE)).status_code == 409
    assert await listed(company, own) == await listed(rival, foreign) == []


def test_the_page_takes_files_as_large_as_the_api_does() -> None:
    sizes = {body_limit(f"{start}", "multipart/form-data") for start in (
        "/api/campaigns/1/contacts", "/campaigns/1/setup/audience/contacts",
    )}  # fmt: skip
    assert sizes == {1_000_000_000}
    assert body_limit("/campaigns/1/setup/audience/look", "multipart/form-data") == 1_000_000
