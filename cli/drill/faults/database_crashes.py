"""F07: PostgreSQL crashes again and again while a campaign runs, people reply and an operator writes."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from signal import SIGQUIT
from typing import Any

import httpx

from cli.drill.judgement import missing
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.waiting import until

PEOPLE: dict[str, Any] = {"reply_share": 0.4, "stop_share": 0.02, "delay": {"min_seconds": 0.3, "max_seconds": 2.0}}
RECOVER_WITHIN = 5.0
NO_ANSWER = 0
EVERY_SECONDS = 0.1


@dataclass(slots=True)
class Witness:
    """An operator's program: reads all the time, writes all the time, repeats nothing, notes every answer."""

    scene: Scene
    campaign_id: str
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    acknowledged: set[str] = field(default_factory=set)
    read_at: float = 0.0
    """When the last read that succeeded began."""

    async def read(self) -> None:
        """Reads the campaign's page for ever."""
        while True:
            began = time.monotonic()
            if await self._ask("GET", f"/api/campaigns/{self.campaign_id}") == 200:
                self.read_at = began
            await asyncio.sleep(EVERY_SECONDS)

    async def write(self) -> None:
        """Puts strangers on the suppression list for ever."""
        while True:
            [phone] = self.scene.new_phones(1)
            if await self._ask("POST", "/api/suppressions", {"phone": phone}) == 201:
                self.acknowledged.add(phone)
            await asyncio.sleep(EVERY_SECONDS)

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> int:
        began = time.monotonic()
        try:
            status = (await self.scene.api.request(method, path, json=body)).status_code
        except httpx.TransportError:
            status = NO_ANSWER
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answers[status] += 1
        return status

    async def seconds_until_it_reads(self) -> float:
        """How long from now until a read that began after now succeeds."""
        began = time.monotonic()

        async def read() -> bool:
            return self.read_at >= began

        return await until(read, "the API reads the database again", 60)


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """`pg_ctl stop -m immediate` is a SIGQUIT to the server: no checkpoint, every connection gone."""
    people, crashes = (30, 1) if short else (300, 20)
    await scene.behave(**PEOPLE)
    channel = await scene.channel(20.0)
    pacing = {"delay_seconds": 0.12, "batch_size": 50, "max_delay_seconds": 1}
    campaign = await scene.campaign(channel, people, window=3 if short else 12, pacing=pacing)
    await scene.until_out(campaign, 3)
    witness = Witness(scene, campaign.id)
    watching = [asyncio.create_task(witness.read()), asyncio.create_task(witness.write())]
    recovery = 0.0
    try:
        for _ in range(crashes):
            await asyncio.sleep(chance.uniform(0.3, 2.0))
            scene.stack.kill("postgres", SIGQUIT)
            await scene.stack.wait_ready("postgres")
            recovery = max(recovery, await witness.seconds_until_it_reads())
    finally:
        for task in watching:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    await scene.until_over(campaign, 300)
    tally = await scene.judge(campaign) + await _acknowledged(scene, witness)
    odd = {status: count for status, count in witness.answers.items() if status not in {200, 201, 503}}
    conditions = {
        f"the API answered nothing but success and 503 (also {odd})": not odd,
        f"recovered by itself within {RECOVER_WITHIN:g} s": recovery <= RECOVER_WITHIN,
    }
    done = (
        f"{crashes} × crash of PostgreSQL (immediate), {people} contacts, "
        f"{len(witness.acknowledged)} acknowledged writes, {witness.answers[503]} × 503, "
        f"slowest answer {witness.slowest:.1f} s"
    )
    return Outcome(done, tally, recovery, conditions)


async def _acknowledged(scene: Scene, witness: Witness) -> Tally:
    rows = await scene.rows("SELECT phone FROM suppressions")
    return missing(witness.acknowledged, {str(row[0]) for row in rows}, "acknowledged writes are")
