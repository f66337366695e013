"""The suppression list over the API: added, removed, imported and exported."""

import csv
import io

import pytest
from sqlmodel import col, select

from db.tables import Enrollment, Suppression
from domain.ids import enrollment_workflow_id
from domain.signals import SignalName
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, phone
from tests.api.rows import add_contact, enroll, fresh_phone, keep


async def listed(company: Company) -> list[str]:
    items = (await company.http.get("/api/suppressions?limit=200")).json()["items"]
    return [item["phone"] for item in items]


async def upload(company: Company, content: bytes, **fields: str) -> dict[str, object]:
    files = {"file": ("stop.csv", content, "text/csv")}
    answer = await company.http.post("/api/suppressions/import", files=files, data=fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


async def test_a_phone_is_suppressed_as_people_write_it(company: Company) -> None:
    answer = await company.http.post("/api/suppressions", json={"phone": "06 12 34 56 78", "note": "called us"})
    assert answer.status_code == 201
    assert (answer.json()["phone"], answer.json()["source"], answer.json()["note"]) == (
        "+33612345678", "api", "called us"
    )  # fmt: skip
    again = await company.http.post("/api/suppressions", json={"phone": "+33612345678"})
    assert again.json() == answer.json()
    assert await listed(company) == ["+33612345678"]


async def test_suppressing_ends_what_was_planned_and_tells_the_workflows(
    company: Company, workflows: RecordingWorkflows
) -> None:
    contact = await add_contact(company)
    enrollment = await enroll(company, contact, status="pending", launched_at=contact.created_at)
    await company.http.post("/api/suppressions", json={"phone": contact.phone})
    [signal] = workflows.asked("deliver")
    assert (signal.workflow_id, signal.name) == (
        enrollment_workflow_id(enrollment.campaign_id, contact.id), SignalName.STOP
    )  # fmt: skip
    async with company.database.tenant(company.tenant_id) as session:
        row = (await session.exec(select(Enrollment))).one()
    assert (row.status, row.closed_at is not None) == ("suppressed", True)


async def test_an_opt_out_holds_even_when_no_workflow_can_be_told(
    company: Company, workflows: RecordingWorkflows
) -> None:
    contact = await add_contact(company)
    await enroll(company, contact, status="pending", launched_at=contact.created_at)
    workflows.away = True
    assert (await company.http.post("/api/suppressions", json={"phone": contact.phone})).status_code == 201
    assert await listed(company) == [contact.phone]


async def test_a_removed_phone_may_be_written_to_again(company: Company) -> None:
    made = (await company.http.post("/api/suppressions", json={"phone": fresh_phone()})).json()
    assert (await company.http.delete(f"/api/suppressions/{made['id']}")).status_code == 204
    assert await listed(company) == []
    assert (await company.http.delete(f"/api/suppressions/{made['id']}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"phone": "12"}, {"phone": ""}, {"phone": "+33\0"}, {"phone": 33612345678}, {}, {"phone": "x" * 65},
     {"phone": "+33612345678", "note": "n" * 501}, {"phone": "+33612345678", "why": "x"}],
)  # fmt: skip
async def test_a_wrong_body_is_refused(company: Company, body: dict[str, object]) -> None:
    answer = await company.http.post("/api/suppressions", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert await listed(company) == []


async def test_an_import_counts_every_row_once(company: Company, workflows: RecordingWorkflows) -> None:
    contact = await add_contact(company, phone=phone(5))
    await enroll(company, contact, status="sent", launched_at=contact.created_at)
    rows = [phone(n) for n in range(1500)] + [phone(3), "12", "not a phone", phone(4)]
    told = await upload(company, ("phone\n" + "\n".join(rows)).encode())
    assert (told["added"], told["duplicates"], told["invalid"]) == (1500, 2, 2)
    errors = told["errors"]
    assert isinstance(errors, list)
    assert [(error["row"], error["field"]) for error in errors] == [(1503, "phone"), (1504, "phone")]
    assert [signal.name for signal in workflows.asked("deliver")] == [SignalName.STOP]
    again = await upload(company, ("phone\n" + "\n".join(rows)).encode())
    assert (again["added"], again["duplicates"], again["invalid"]) == (0, 1502, 2)


async def test_json_can_be_imported_too(company: Company) -> None:
    body = {"contacts": [{"phone": phone(1)}, {"phone": "bad"}]}
    told = (await company.http.post("/api/suppressions/import", json=body)).json()
    assert (told["added"], told["duplicates"], told["invalid"]) == (1, 0, 1)


@pytest.mark.parametrize(
    "content",
    [b"", b"name\nAna\n", b"phone\n+33612345678\n\xff\xfe\xff\n", b"phone\n" + b"+33612345678\n" * 3000 + b"\xe9\xff"],
)
async def test_a_file_that_cannot_be_read_to_its_end_changes_nothing(company: Company, content: bytes) -> None:
    files = {"file": ("stop.csv", content, "text/csv")}
    answer = await company.http.post("/api/suppressions/import", files=files)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert await listed(company) == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b", "text/csv", ""])
async def test_a_body_that_is_neither_a_form_nor_json_is_refused(company: Company, kind: str) -> None:
    answer = await company.http.post("/api/suppressions/import", content=b"phone", headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_an_export_is_the_whole_list_and_can_be_imported(company: Company, rival: Company) -> None:
    await upload(company, ("phone\n" + "\n".join(phone(n) for n in range(4500))).encode())
    note = Suppression(tenant_id=company.tenant_id, phone=phone(9999), source="opt_out", note='=HYPERLINK("x")')
    await keep(company, note)
    answer = await company.http.get("/api/suppressions/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["phone"] for row in rows] == [*(phone(n) for n in range(4500)), phone(9999)]
    assert rows[-1]["note"] == '\'=HYPERLINK("x")'
    told = await upload(rival, answer.content)
    assert (told["added"], told["duplicates"], told["invalid"]) == (4501, 0, 0)


async def test_the_list_is_searched_by_the_beginning_of_the_phone(company: Company) -> None:
    for number in ("+33611110000", "+33611110001", "+34600000001"):
        await company.http.post("/api/suppressions", json={"phone": number})
    found = (await company.http.get("/api/suppressions", params={"phone": "+3361111"})).json()["items"]
    assert [item["phone"] for item in found] == ["+33611110001", "+33611110000"]


async def test_another_tenants_suppression_cannot_be_removed(company: Company, rival: Company) -> None:
    made = (await rival.http.post("/api/suppressions", json={"phone": fresh_phone()})).json()
    assert (await company.http.delete(f"/api/suppressions/{made['id']}")).status_code == 404
    assert await listed(company) == []
    async with rival.database.tenant(rival.tenant_id) as session:
        assert (await session.exec(select(col(Suppression.id)))).one()
