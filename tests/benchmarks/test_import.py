"""f: a file of many contacts through the HTTP API, against a bare COPY of the same rows into the same two tables."""

import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.benchmarks.bare_intake import plain_url
from tests.benchmarks.figures import Figures, at_least, at_most
from tests.benchmarks.stack import Bench, running_bench
from tests.journeys.house import Channel, House

FEW = 100_000
MANY = int(os.environ.get("RELANCE_BENCH_IMPORT", "1000000"))
GROWTH_MB = 8.0
"""What ten times the rows may add to the peak: pages that the allocator keeps, and nothing that grows with the file."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """Everything but the worker: nothing is sent here."""
    async with running_bench(("postgres", "temporal", "simulator", "migrations", "api")) as bench:
        yield bench


def people(count: int) -> Iterator[tuple[str, str, str, str]]:
    """Phone, first name, last name, city; no two phones are the same, and they come in no order."""
    for number in range(count):
        yield f"+336{number * 7919 % 100_000_000:08d}", f"Ana {number % 1000}", f"Silva {number}", f"Lyon {number % 50}"


def write_file(path: Path, count: int) -> None:
    """The people as a spreadsheet saves them."""
    with path.open("w") as file:
        file.write("phone,first_name,last_name,city\n")
        file.writelines(",".join(row) + "\n" for row in people(count))


async def seconds_by_api(house: House, channel: Channel, path: Path, count: int) -> float:
    """From the first byte of the upload to the answer that counts every row."""
    campaign = await house.campaign(channel, start=False)
    began = time.monotonic()
    with path.open("rb") as file:
        answer = await house.api.post(
            f"/api/campaigns/{campaign.id}/contacts", files={"file": ("people.csv", file, "text/csv")}, timeout=600
        )
    seconds = time.monotonic() - began
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["added"], told["duplicates"], told["invalid"]) == (count, 0, 0)
    return seconds


async def seconds_by_copy(bench: Bench, house: House, channel: Channel, count: int) -> float:
    """The same rows, their ids made beforehand, into `contacts` and `enrollments` with all their indexes and keys."""
    campaign = await house.campaign(channel, start=False)
    contact_ids = [uuid4() for _ in range(count)]
    contacts = (
        (contact_id, house.tenant_id, phone, f"{first} {last}")
        for contact_id, (phone, first, last, _) in zip(contact_ids, people(count), strict=True)
    )
    enrollments = (
        (
            house.tenant_id,
            UUID(campaign.id),
            contact_id,
            UUID(channel.id),
            json.dumps({"first_name": first, "last_name": last, "city": city}),
        )
        for contact_id, (_, first, last, city) in zip(contact_ids, people(count), strict=True)
    )
    connection = await asyncpg.connect(plain_url(bench.stack.addresses.database))
    began = time.monotonic()
    async with connection.transaction():
        await connection.copy_records_to_table(
            "contacts", records=contacts, columns=["id", "tenant_id", "phone", "name"], timeout=600
        )
        columns = ["tenant_id", "campaign_id", "contact_id", "channel_id", "variables"]
        await connection.copy_records_to_table("enrollments", records=enrollments, columns=columns, timeout=600)
    seconds = time.monotonic() - began
    await connection.close()
    return seconds


def peak_megabytes(pid: int) -> float:
    """The most memory (resident) that a process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


async def test_an_import(figures: Figures, bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    peaks = []
    for number, count in enumerate((FEW, MANY)):
        write_file(path, count)
        # A tenant for each, so that every contact is new for both ways.
        ours, copied = await bench.house(), await bench.house()
        by_copy = count / await seconds_by_copy(bench, copied, await copied.channel(), count)
        before = bench.spent()
        by_api = count / await seconds_by_api(ours, await ours.channel(), path, count)
        spent = bench.spent().since(before)
        peaks.append(peak_megabytes(bench.pids["api"]))
        figures.add(
            f"f{3 * number + 1}",
            f"import of {count:,} contacts",
            by_api,
            "rows/s",
            ("a bare COPY of the same rows", by_copy),
            at_least(0.3, "ratio"),
        )
        what = f"import of {count:,} contacts: CPU of"
        figures.add(f"f{3 * number + 2}", f"{what} api", spent.milliseconds_each(count, "api") * 1000, "µs/row")
        postgres = spent.milliseconds_each(count, "postgres") * 1000
        figures.add(f"f{3 * number + 3}", f"{what} postgres", postgres, "µs/row")
    few, many = peaks
    figures.add("f7", f"peak memory (RSS) of api after {FEW:,} contacts", few, "MB")
    figures.add("f8", f"what {MANY:,} contacts add to that peak", many - few, "MB", bound=at_most(GROWTH_MB))
