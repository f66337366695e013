"""Board and alerts ask only for what the processes really show (OPS-3)."""

import re
from uuid import uuid4

import pytest
import yaml

from domain import ids
from tests.journeys.house import House
from tests.operations.fleet import Fleet, Page
from tests.operations.queries import ALERTS, DEPLOY, expressions, rules
from tests.operations.vocabulary import strangers
from tests.waiting import until

SCRAPING = DEPLOY / "prometheus" / "prometheus.yml"

NAME = re.compile(r"\b(?:relance|temporal|process|python|up|scrape)(?:_\w+)?\b(?!\s*=[^=])")
SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\bby\s*\(([^)]*)\)\s*\(")
MADE_BY_PROMETHEUS = {"job", "instance", "le"}


def without_strings(expression: str) -> str:
    """A query without its quoted values and matchers."""
    return re.sub(r"\{[^}]*\}", "", re.sub(r'"[^"]*"', '""', expression))


def unknown(expression: str, pages: list[Page]) -> list[str]:
    """Names and labels of a query that no page has."""
    shown = {name for page in pages for name in page.names()}
    asked = set(NAME.findall(without_strings(expression)))
    wrong = [f"metric {name}" for name in sorted(asked - shown)] or ([] if asked else ["asks for nothing"])
    labels = {label for page in pages for name in asked for label in page.labels(name)} | MADE_BY_PROMETHEUS
    for name, matchers in SELECTOR.findall(expression):
        own = {label for page in pages for label in page.labels(name)}
        wrong += [
            f"label {label} of {name}"
            for label in LABEL.findall(re.sub(r'"[^"]*"', '""', matchers))
            if label not in own
        ]
    grouped = [label.strip() for group in GROUPED.findall(expression) for label in group.split(",")]
    return wrong + [f"label {label}" for label in grouped if label not in labels]


async def everything(fleet: Fleet, house: House) -> list[Page]:
    """The pages of all processes after one of each thing has happened."""
    channel = await house.channel()
    campaign = await house.campaign(channel, 2, start=False)
    await house.call("POST", f"/api/channels/{channel.id}/pause", expect=200)
    await house.command(campaign, "start")

    async def held() -> bool:
        rows = await house.rows("SELECT id FROM deliveries WHERE tenant_id = :tenant AND status = 'held'")
        return len(rows) == 2

    await until(held, "both are held")
    await house.call("POST", f"/api/channels/{channel.id}/resume", expect=200)
    await house.until_count(campaign, "out", 2)
    for _ in range(2):
        await house.write(channel, campaign.phones[0], "Yes", id=f"yes-{channel.id}")
        await house.until_count(campaign, "message_2_sent", 1)
    broken = await fleet.client.start_workflow("Enrollment", "nonsense", id=f"x/{uuid4()}", task_queue=ids.TASK_QUEUE)

    async def failed() -> bool:
        pages = await fleet.pages()
        return sum(page.total("temporal_workflow_task_execution_failed_total") for page in pages) > 0

    await until(failed, "a workflow task has failed")
    await broken.terminate()

    async def repeated() -> bool:
        pages = await fleet.pages()
        return sum(page.total("relance_doubles_prevented_total") for page in pages) > 0

    await until(repeated, "a repeat was noticed")
    return await fleet.pages()


async def test_every_query_asks_for_what_is_shown(fleet: Fleet, house: House) -> None:
    pages = await everything(fleet, house)
    asked = list(expressions())
    assert len(asked) > 30
    assert {name: wrong for name, expression in asked if (wrong := unknown(expression, pages))} == {}
    assert [stranger for page in pages for stranger in strangers(page)] == [], "tests/operations/vocabulary.py lacks it"


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("sum(rate(relance_sent_total[5m]))", ["metric relance_sent_total"]),
        ('max(relance_ready{part="database"})', ["label part of relance_ready"]),
        ("sum by (campaign) (relance_ready)", ["label campaign"]),
        ("up == 0", ["metric up"]),
        ("vector(1)", ["asks for nothing"]),
        ('sum by (check, instance) (relance_ready{check=~"worker on .+"}) == 0', []),
    ],
)
def test_a_query_for_what_is_not_shown_is_noticed(expression: str, wrong: list[str]) -> None:
    page = Page('# TYPE relance_ready gauge\nrelance_ready{check="database"} 1\n')
    assert unknown(expression, [page]) == wrong


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert len(rule["annotations"]["summary"]) > 10, rule["alert"]
        assert len(rule["annotations"]["description"]) > 60, rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_the_example_of_scraping_names_the_rules_and_both_kinds_of_process() -> None:
    config = yaml.safe_load(SCRAPING.read_text())
    assert config["rule_files"] == [ALERTS.name]
    assert {job["job_name"] for job in config["scrape_configs"]} == {"relance-api", "relance-worker"}
