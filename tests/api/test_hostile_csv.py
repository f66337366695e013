"""Hostile uploads: counted row by row or refused as a whole, and nothing in a download is taken for a formula."""

import csv
import io
from typing import Any

import httpx
import pytest

from tests.api.hostile import nothing_breaks, refused
from tests.api.people import Company, phone
from tests.api.test_write_once_api import everything
from tests.corpora.reading import Item, corpus

FILES = corpus("csv_files")
FORMULAS = next(item for item in FILES if item.name == "formulas")
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


async def upload(company: Company, path: str, content: bytes, **form: Any) -> httpx.Response:
    """The file at an address that takes contacts."""
    return await company.http.post(path, files={"file": ("contacts.csv", content, "text/csv")}, data=form)


@pytest.mark.parametrize("item", FILES, ids=str)
async def test_an_upload_is_counted_row_by_row_or_changes_nothing(company: Company, item: Item) -> None:
    campaign_id = (await company.campaign())["id"]
    path = f"/api/campaigns/{campaign_id}/contacts"
    before = await everything(company)
    with nothing_breaks():
        answer = await upload(company, path, item.content)
        if refused(answer):
            assert await everything(company) == before
        else:
            told = answer.json()
            listed = (await company.http.get(path)).json()["items"]
            assert len(listed) == told["added"]
            errors = csv.reader(io.StringIO((await company.http.get(told["errors_url"])).text))
            assert len(list(errors)) == 1 + told["invalid"]
        again = await upload(company, path, f"phone\n{phone(99)}\n".encode())
        assert again.json()["added"] == 1


async def test_an_import_of_suppressions_is_counted_or_changes_nothing(company: Company) -> None:
    known = 0
    with nothing_breaks():
        for item in FILES:
            answer = await upload(company, "/api/suppressions/import", item.content)
            known += 0 if refused(answer) else answer.json()["added"]
            listed = (await company.http.get("/api/suppressions")).json()["items"]
            assert len(listed) == known, item.name


@pytest.mark.parametrize("form", [{"mapping": "{"}, {"mapping": "[1]"}, {"mapping": '{"a": "\\ud800"}'},
                                  {"mapping": "[" * 50_000}, {"encoding": "rot13"}, {"encoding": "zip"},
                                  {"encoding": "utf-8\0"}, {"encoding": "x" * 10_000}, {"default_region": "ZZ"},
                                  {"default_region": "\0"}, {"file2": "x"}, {"mapping": ["{}", "{}"]}],
                         ids=lambda form: str(form)[:40])  # fmt: skip
async def test_a_form_with_odd_fields_is_refused_and_changes_nothing(company: Company, form: dict[str, Any]) -> None:
    path = f"/api/campaigns/{(await company.campaign())['id']}/contacts"
    before = await everything(company)
    with nothing_breaks():
        assert refused(await upload(company, path, f"phone\n{phone(1)}\n".encode(), **form))
    assert await everything(company) == before


@pytest.mark.parametrize("content_type", [
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 5000,
    "multipart/form-data; boundary=\xff", "multipart/mixed; boundary=x", "text/csv", "application/xml", "",
])  # fmt: skip
async def test_a_form_that_cannot_be_taken_apart_is_refused(company: Company, content_type: str) -> None:
    path = f"/api/campaigns/{(await company.campaign())['id']}/contacts"
    headers = {b"content-type": content_type.encode("latin-1")}
    with nothing_breaks():
        assert refused(await company.http.post(path, content=b"--x\r\n\r\nphone\r\n--x--", headers=headers))


async def test_no_cell_of_a_download_is_taken_for_a_formula(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    path = f"/api/campaigns/{campaign_id}/contacts"
    told = (await upload(company, path, FORMULAS.content)).json()
    assert (told["added"], told["invalid"]) == (3, 3)
    await company.http.post("/api/suppressions", json={"phone": phone(7), "note": "=1+1"})
    for address in (f"/api/campaigns/{campaign_id}/contacts.csv", told["errors_url"], "/api/suppressions/export"):
        header, *rows = csv.reader(io.StringIO((await company.http.get(address)).text))
        assert rows
        for row in rows:
            # A phone is digits behind its plus sign, whoever wrote it: a number and no formula.
            cells = [cell for name, cell in zip(header, row, strict=True) if name != "phone"]
            assert [cell for cell in cells if cell.startswith(FORMULA_STARTS)] == []
