"""What is said and told of an upload of contacts."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.shapes import Shape

CONTACTS_EXAMPLE = {"contacts": [{"phone": "+33612345678", "first_name": "Ana"}, {"phone": "06 12 34 56 79"}]}


class ContactsIn(Shape):
    """Contacts as JSON: `phone` and any variables, whose values are texts, numbers, booleans or null."""

    contacts: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100_000)]


class RowError(BaseModel):
    """Why a row was not taken. `row` as a spreadsheet counts (the header is 1), or the index in JSON (from 0)."""

    row: int
    field: str | None = Field(description="The column, null when the row as a whole is at fault.")
    message: str


class ImportAnswer(BaseModel):
    """Every row is counted once: added, duplicate (in the file, or in the campaign already) or invalid."""

    added: int
    duplicates: int
    invalid: int
    errors: list[RowError] = Field(description="The first 100; all of them are at `errors_url`.")
    import_id: UUID
    errors_url: str


REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "contentMediaType": "text/csv",
                            "description": "CSV with a header; a column for the phone, the others become variables.",
                        },
                        "mapping": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "description": 'JSON, header → variable ("phone" for the numbers, "" to leave one out). '
                            "Of columns with the same header, Notes (2) is the second.",
                        },
                        "encoding": {"type": "string", "description": "UTF-8 or by mark unless said: cp1252 …"},
                        "default_region": {
                            "type": "string",
                            "description": "Country (FR) of numbers without a country code.",
                        },
                    },
                },
                "examples": {
                    "with mapping": {
                        "value": {
                            "file": "Mobile;Prénom\n06 12 34 56 78;Ana\n",
                            "mapping": '{"Mobile": "phone"}',
                            "default_region": "FR",
                        }
                    }
                },
            },
            "application/json": {
                "schema": ContactsIn.model_json_schema(),
                "examples": {"two contacts": {"value": CONTACTS_EXAMPLE}},
            },
        },
    }
}
