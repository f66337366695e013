"""The commands against a stub of the API: what they send, what they print, how they end."""

import errno
import json
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from typer.testing import Result

from cli.client import Api, ApiUnreachable
from tests.cli.conftest import StubApi

CAMPAIGN = "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11"
CHANNEL = "7e57ab1e-0000-4000-8000-000000000001"
Relance = Callable[..., Result]
PAGE = {
    "id": CAMPAIGN,
    "name": "Autumn",
    "status": "running",
    "counts": {"total": 10, "pending": 4, "read": 5, "failed": 1, "replied": 2, "message_2_sent": 2},
    "error_rate": 0.1666,
    "delay_seconds": 1.0,
    "eta_seconds": 65,
    "something_newer": "kept",
}


def test_status_json_is_the_apis_own_body(relance: Relance, stub: StubApi) -> None:
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}", PAGE)
    result = relance("campaign", "status", CAMPAIGN, "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["something_newer"] == "kept"
    assert said["counts"]["read"] == 5
    assert stub.headers[0]["Authorization"] == "Bearer rl_test"


def test_status_in_words_shows_counts_and_eta(relance: Relance, stub: StubApi) -> None:
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}", PAGE)
    words = relance("campaign", "status", CAMPAIGN).stdout
    assert "6 of 10 handled" in words
    assert "read 5 · failed 1 · replied 2 · Message 2 2" in words
    assert "1:05" in words


def test_create_sends_only_what_was_given(relance: Relance, stub: StubApi, tmp_path: Path) -> None:
    stub.on("POST", "/api/campaigns", {**PAGE, "status": "draft"}, 201)
    text = tmp_path / "message.txt"
    text.write_text("Merci {{ first_name | default('à vous') }}\n", encoding="utf-8")
    arguments = ["--channel", CHANNEL, "--message-1", "Hello", "--message-2", f"@{text}", "--reply-window", "24h"]
    result = relance("campaign", "create", "Autumn", *arguments, "--delay", "0.5", "--json")
    assert result.exit_code == 0
    assert json.loads(stub.asked[0][2]) == {
        "name": "Autumn",
        "channel_id": CHANNEL,
        "message_1": "Hello",
        "message_2": "Merci {{ first_name | default('à vous') }}",
        "reply_window_seconds": 86_400,
        "pacing": {"delay_seconds": 0.5},
    }


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("2d", 172_800), ("0.5h", 1800)]
)
def test_a_reply_window_may_be_written_with_a_unit(relance: Relance, stub: StubApi, text: str, seconds: float) -> None:
    stub.on("POST", "/api/campaigns", PAGE, 201)
    messages = ["--channel", CHANNEL, "--message-1", "a", "--message-2", "b"]
    assert relance("campaign", "create", "x", *messages, "--reply-window", text).exit_code == 0
    assert json.loads(stub.asked[0][2])["reply_window_seconds"] == seconds


@pytest.mark.parametrize(
    "arguments",
    [
        ["campaign", "create", "x"],
        ["campaign", "create", "x", "--channel", "c", "--message-1", "a", "--message-2", "b", "--reply-window", "soon"],
        ["campaign", "create", "x", "--channel", "c", "--message-1", "@/no/such/file", "--message-2", "b"],
        ["campaign", "import", CAMPAIGN, "no-such-file.csv"],
        ["campaign", "test-send", CAMPAIGN, "+33639980001", "--var", "first_name"],
        ["campaign", "test-send", CAMPAIGN, "+33639980001", "--message", "3"],
        ["nonsense"],
    ],
)
def test_wrong_usage_ends_with_status_2_and_asks_nothing(relance: Relance, stub: StubApi, arguments: list[str]) -> None:
    assert relance(*arguments).exit_code == 2
    assert stub.asked == []


def test_import_uploads_the_file_and_tells_the_counts_and_first_errors(
    relance: Relance, stub: StubApi, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("phone,first_name\n+33639980001,Zoé\nnope,Bo\n", encoding="utf-8")
    problem = {"row": 3, "field": "phone", "message": "This is not a phone number."}
    errors_url = f"/api/campaigns/{CAMPAIGN}/imports/{CHANNEL}/errors.csv"
    answer = {"added": 1, "duplicates": 0, "invalid": 1, "errors": [problem], "errors_url": errors_url}
    stub.on("POST", f"/api/campaigns/{CAMPAIGN}/contacts", answer)
    stub.text(errors_url, "row,field,message\r\n3,phone,This is not a phone number.\r\n")
    result = relance("campaign", "import", CAMPAIGN, str(file), "--errors-to", str(tmp_path / "errors.csv"))
    assert result.exit_code == 0
    assert "row 3: phone: This is not a phone number." in result.stdout
    part = _form(stub)
    assert part.get_filename() == "people.csv"
    assert part.get_payload(decode=True) == file.read_bytes()
    assert (tmp_path / "errors.csv").read_text().splitlines() == [
        "row,field,message",
        "3,phone,This is not a phone number.",
    ]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text("phone\n+33639980001\nnope\n", encoding="utf-8")
    return file


def told_of_an_import(stub: StubApi) -> str:
    """One row was taken and one was not; returns where the errors are."""
    errors_url = f"/api/campaigns/{CAMPAIGN}/imports/{CHANNEL}/errors.csv"
    answer = {"added": 1, "duplicates": 0, "invalid": 1, "errors": [], "errors_url": errors_url}
    stub.on("POST", f"/api/campaigns/{CAMPAIGN}/contacts", answer)
    return errors_url


@pytest.mark.parametrize("where", ["nowhere/errors.csv", "people.csv/errors.csv", "."])
def test_nothing_is_imported_when_its_errors_could_not_be_written(
    relance: Relance, stub: StubApi, tmp_path: Path, people: Path, where: str
) -> None:
    told_of_an_import(stub)
    result = relance("campaign", "import", CAMPAIGN, str(people), "--errors-to", str(tmp_path / where))
    assert result.exit_code == 2
    assert "cannot be written" in " ".join(result.stderr.replace("│", "").split()), result.stderr
    assert stub.asked == []


def test_an_import_that_is_refused_leaves_no_file_of_errors_and_overwrites_none(
    relance: Relance, stub: StubApi, tmp_path: Path, people: Path
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("kept")
    for target in (old, new):
        assert relance("campaign", "import", CAMPAIGN, str(people), "--errors-to", str(target)).exit_code == 1
    assert (old.read_text(), new.exists()) == ("kept", False)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize("full", [False, True], ids=["refused", "disk-full"])
def test_an_import_is_told_also_when_its_errors_cannot_be_fetched(
    relance: Relance,
    stub: StubApi,
    tmp_path: Path,
    people: Path,
    monkeypatch: pytest.MonkeyPatch,
    full: bool,
    as_json: list[str],
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told_of_an_import(stub)
    if full:
        monkeypatch.setattr(Api, "download", no_room)
    target = str(tmp_path / "errors.csv")
    result = relance("campaign", "import", CAMPAIGN, str(people), "--errors-to", target, *as_json)
    assert result.exit_code == 1
    assert "added" in result.stdout
    said = f"relance: {target} cannot be written: No space left on device\n"
    assert result.stderr == (said if full else "relance: There is no such thing.\n")


def _form(stub: StubApi) -> Message:
    """The one part of the form that was sent first."""
    head = f"Content-Type: {stub.headers[0]['Content-Type']}\r\n\r\n".encode()
    whole = BytesParser().parsebytes(head + stub.asked[0][2])
    part = whole.get_payload(0)
    assert isinstance(part, Message)
    return part


@pytest.mark.parametrize("command", ["start", "pause", "resume", "cancel", "retry-failed"])
def test_commands_post_to_their_address_and_tell_the_new_state(relance: Relance, stub: StubApi, command: str) -> None:
    stub.on("POST", f"/api/campaigns/{CAMPAIGN}/{command}", {"id": CAMPAIGN, "status": "paused", "stopped": 7}, 202)
    result = relance("campaign", command, CAMPAIGN, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "paused"
    assert "7 contacts" in relance("campaign", command, CAMPAIGN).stderr


def test_a_refusal_becomes_the_apis_own_sentence_and_status_1(relance: Relance, stub: StubApi) -> None:
    stub.problem("POST", f"/api/campaigns/{CAMPAIGN}/start", 409, "The campaign is running; it cannot be started.")
    result = relance("campaign", "start", CAMPAIGN)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "relance: The campaign is running; it cannot be started.\n"


def test_several_wrong_fields_are_told_one_per_line(relance: Relance, stub: StubApi) -> None:
    errors = [{"field": "message_1", "message": "is empty"}, {"field": "channel_id", "message": "is no UUID"}]
    stub.problem("POST", "/api/campaigns", 422, "The request has 2 errors", errors=errors)
    result = relance("campaign", "create", "x", "--channel", "c", "--message-1", "a", "--message-2", "b")
    assert result.exit_code == 1
    assert "  message_1: is empty\n  channel_id: is no UUID\n" in result.stderr


def test_a_wrong_key_is_told_with_where_keys_come_from(relance: Relance, stub: StubApi) -> None:
    stub.problem("GET", "/api/channels", 401, "This API key is unknown or revoked.")
    result = relance("channel", "list")
    assert result.exit_code == 1
    assert "RELANCE_API_KEY" in result.stderr


def test_an_api_that_is_away_is_told_with_what_to_do(relance: Relance) -> None:
    result = relance("channel", "list", "--api", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    assert "make up" in result.stderr


def test_without_any_key_nothing_is_asked(relance: Relance, stub: StubApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELANCE_API_KEY")
    result = relance("channel", "list")
    assert result.exit_code == 1
    assert "no API key" in result.stderr
    assert stub.asked == []


def test_the_key_that_the_stack_kept_is_found(
    relance: Relance, stub: StubApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RELANCE_API_KEY")
    (tmp_path / "api.key").write_text("rl_kept\n")
    stub.on("GET", "/api/channels", {"items": [], "next_cursor": None})
    assert relance("channel", "list", "--json").stdout == "[]\n"
    assert stub.headers[0]["Authorization"] == "Bearer rl_kept"


def test_check_ends_with_status_1_when_something_stands_in_the_way(relance: Relance, stub: StubApi) -> None:
    lacking = {"contact_id": CHANNEL, "phone": "+33639980001", "missing": ["city"]}
    answer = {
        "ok": False,
        "problems": [{"code": "missing_variables", "message": "1 contact lacks a variable."}],
        "warnings": [],
        "contacts": 3,
        "missing_variables": {"count": 1, "variables": ["city"], "contacts": [lacking]},
    }
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}/launch-check", answer)
    result = relance("campaign", "check", CAMPAIGN)
    assert result.exit_code == 1
    assert "+33639980001 lacks city" in result.stdout
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}/launch-check", {**answer, "ok": True})
    relance("campaign", "check", CAMPAIGN)  # uses up the first answer
    assert relance("campaign", "check", CAMPAIGN, "--json").exit_code == 0


def test_check_tells_the_sending_apart_from_the_time_until_all_is_out(relance: Relance, stub: StubApi) -> None:
    answer = {"ok": True, "problems": [], "warnings": [], "contacts": 3, "sending_seconds": 65, "eta_seconds": 7265}
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}/launch-check", answer)
    lines = [line.split() for line in relance("campaign", "check", CAMPAIGN).stdout.splitlines()]
    assert ["sending", "takes", "1:05"] in lines
    assert ["all", "out", "after", "2:01:05"] in lines


def test_test_send_carries_number_message_and_variables(relance: Relance, stub: StubApi) -> None:
    answer = {"delivery_id": CHANNEL, "status": "queued", "text": "Hi"}
    stub.on("POST", f"/api/campaigns/{CAMPAIGN}/test-send", answer, 202)
    arguments = ["--message", "2", "--var", "first_name=Zoé", "--var", "note=a=b"]
    assert relance("campaign", "test-send", CAMPAIGN, "+33639980001", *arguments).exit_code == 0
    assert json.loads(stub.asked[0][2]) == {
        "phone": "+33639980001",
        "message": 2,
        "variables": {"first_name": "Zoé", "note": "a=b"},
    }


def test_a_channels_token_is_asked_for_and_not_printed(relance: Relance, stub: StubApi) -> None:
    made = {
        "id": CHANNEL,
        "platform": "wassenger",
        "name": "Main",
        "status": "active",
        "webhook_url": "http://x/w?secret=s",
    }
    stub.on("POST", "/api/channels", made, 201)
    result = relance("channel", "create", "Main", "--device-id", "65f0c0ffee65f0c0ffee0001", input="very-secret\n")
    assert result.exit_code == 0
    assert "very-secret" not in result.output
    assert "http://x/w?secret=s" in result.stdout
    sent = json.loads(stub.asked[0][2])
    assert sent["credentials"] == {"token": "very-secret", "device_id": "65f0c0ffee65f0c0ffee0001"}
    assert len(sent["webhook_secret"]) >= 32


def test_reconnect_changes_the_credentials(relance: Relance, stub: StubApi) -> None:
    stub.on("PATCH", f"/api/channels/{CHANNEL}", {"id": CHANNEL, "status": "active"})
    arguments = ["--device-id", "65f0c0ffee65f0c0ffee0001", "--token", "new", "--json"]
    assert relance("channel", "reconnect", CHANNEL, *arguments).exit_code == 0
    assert json.loads(stub.asked[0][2]) == {"credentials": {"token": "new", "device_id": "65f0c0ffee65f0c0ffee0001"}}


def test_a_request_that_is_still_being_worked_on_is_not_a_refusal(stub: StubApi) -> None:
    stub.problem("POST", "/api/campaigns", 409, "Still being worked on.", retry_after=1)
    with Api(stub.url, "key") as api, pytest.raises(ApiUnreachable, match="Still being worked on"):
        api.create_campaign({}, key="a-key")
    assert stub.headers[0]["Idempotency-Key"] == "a-key"


@pytest.mark.parametrize("arguments", [[], ["campaign"], ["channel"], ["watch"], ["doctor"], ["demo"]])
def test_help_is_there_for_every_family(relance: Relance, arguments: list[str]) -> None:
    result = relance(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout
