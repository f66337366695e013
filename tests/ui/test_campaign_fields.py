"""The fields of the send window and of the A/B test: what they show, and what a form says to the API with them."""

import re
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.datastructures import FormData, UploadFile

from api.routes.campaign_shapes import NewCampaign
from api.routes.variant_shapes import variants_out
from api.ui import campaign_fields
from api.ui.campaign_fields import VariantFields, WindowFields, variant_rows, variant_rows_sent, variants_said
from api.ui.languages import translate
from api.ui.rendering import fragment
from api.ui.visits import Visit
from db.reading.variants import VariantResult
from domain.variants import Variant

TWO = [{"name": "Short", "weight": 50, "text": "Hi"}, {"name": "Formal", "weight": 25, "text": "Good morning"}]
OFFICE = {"start": "09:00", "end": "18:00", "days": [0, 4], "zone": "contact", "message_2": False}
LABELLED = re.compile(r'<label[^>]* for="([^"]+)"')
INPUT = re.compile(r'<(?:input|textarea)[^>]* id="([^"]+)"')


def rendered(template: str, language: str = "en", **context: Any) -> str:
    """A piece of a page for a visitor of this language."""
    visit = cast(
        "Visit", SimpleNamespace(language=language, time_zone="Europe/Paris", say=partial(translate, language))
    )
    return fragment(visit, f"campaigns/{template}", **context)


def window_page(window: WindowFields, errors: dict[str, str] | None = None, language: str = "en") -> str:
    zones = {"window_days": campaign_fields.DAYS, "window_zones": campaign_fields.ZONES}
    return rendered("window_fields.html", language, window=window, errors=errors or {}, **zones)


def variants_page(rows: list[VariantFields], errors: dict[str, str] | None = None, language: str = "en") -> str:
    return rendered("variants.html", language, variants=rows, variants_shown=2, errors=errors or {})


def results_page(replied: int, *, is_over: bool, language: str = "en") -> str:
    variants = [Variant.model_validate(one) for one in TWO]
    results = [
        VariantResult(variants[0], contacts=1200, sent=1000, delivered=900, read=800, replied=replied),
        VariantResult(variants[1], contacts=600, sent=1000, replied=100),
    ]
    test = variants_out(results, is_over=is_over)
    return rendered("variant_results.html", language, test=test, verdicts=campaign_fields.VERDICTS)


def sent(page: str) -> FormData:
    """What a browser sends of the fields as they stand."""
    pairs: list[tuple[str, str | UploadFile]] = []
    for kind, attributes, inside in re.findall(r"<(input|textarea)([^>]*)>([^<]*)", page):
        found = dict(re.findall(r'(name|value|type)="([^"]*)"', attributes))
        if found.get("type") in ("checkbox", "radio") and " checked" not in attributes:
            continue
        pairs.append((found["name"], inside if kind == "textarea" else found.get("value", "")))
    return FormData(pairs)


@pytest.mark.parametrize(
    "window",
    [
        None,
        OFFICE,
        {**OFFICE, "days": [], "zone": "tenant"},
        {**OFFICE, "start": "22:00", "end": "06:00", "zone": "Australia/Lord_Howe", "message_2": True},
    ],
)
def test_a_window_comes_back_as_it_was_shown(window: dict[str, Any] | None) -> None:
    assert WindowFields.sent(sent(window_page(WindowFields.of(window)))).said() == window


def test_variants_come_back_as_they_were_shown_and_blank_rows_are_none() -> None:
    rows = variant_rows(TWO)
    assert len(rows) == 5
    assert variants_said(variant_rows_sent(sent(variants_page(rows)))) == TWO
    assert variants_said(variant_rows_sent(FormData())) == []
    gap = FormData([("variant_name", ""), ("variant_weight", "50"), ("variant_text", ""), ("variant_name", "B"),
                    ("variant_weight", "7"), ("variant_text", "Hello")])  # fmt: skip
    assert variants_said(variant_rows_sent(gap)) == [{"name": "B", "weight": 7, "text": "Hello"}]


def test_what_the_fields_say_is_what_the_api_takes() -> None:
    body = {"name": "A", "channel_id": "7e57ab1e-0000-4000-8000-000000000001", "message_2": "Thanks"}
    said = {"send_window": WindowFields.of(OFFICE).said(), "variants": variants_said(variant_rows(TWO))}
    made = NewCampaign.model_validate({**body, **said})
    assert made.send_window is not None
    assert made.send_window.model_dump() == OFFICE


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_field_has_a_label_and_nothing_is_styled_or_scripted_in_the_page(language: str) -> None:
    pieces = [
        window_page(WindowFields(), language=language),
        variants_page(variant_rows([]), language=language),
        results_page(150, is_over=True, language=language),
    ]
    for piece in pieces:
        assert set(INPUT.findall(piece)) == set(LABELLED.findall(piece))
        assert not re.search(r"\s(style|on\w+)=", piece)
        assert "<script" not in piece


def test_an_error_stands_at_its_field_and_is_tied_to_it() -> None:
    page = window_page(WindowFields(on=True, start=""), {"send_window.start": "Too early."})
    assert 'aria-invalid="true" aria-describedby="window_start-wrong"' in page
    assert '<div class="invalid-feedback d-block" id="window_start-wrong">Too early.</div>' in page
    rows = variants_page(variant_rows(TWO), {"variants.1.text": "The <b>brace</b> is open.", "variants": "Too few."})
    assert 'aria-describedby="variant_text_1-wrong">Good morning</textarea>' in rows
    assert "The &lt;b&gt;brace&lt;/b&gt; is open." in rows
    assert "Too few." in rows


def test_results_name_a_winner_at_the_end_alone() -> None:
    assert "Short won" in results_page(150, is_over=True)
    assert "there is no winner" in results_page(110, is_over=True)
    running = results_page(150, is_over=False)
    assert "Short won" not in running
    assert "The campaign goes on" in running
    assert "15% (12.9% – 17.3%)" in running
    assert "1,200" in running


def test_results_in_french_and_of_a_campaign_without_a_test() -> None:
    page = results_page(150, is_over=True, language="fr")
    assert "Short a gagné" in page
    assert "95 %." in page
    assert rendered("variant_results.html", test=variants_out([], is_over=True), verdicts={}).strip() == ""
