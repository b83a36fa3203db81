"""Field types and bases that all schemas share. Text that a database or a mail could not hold is refused here."""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from agency_os.kit.addresses import normalise_email

_CONTROLS = {chr(code) for code in (*range(32), *range(127, 160))} - {"\t", "\n", "\r"}


def _printable(text: str) -> str:
    if any(character in _CONTROLS or 0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError("holds a control character: take it out")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("must be one line")
    return _printable(text)


def _email(text: str) -> str:
    address = normalise_email(text)
    if address is None:
        raise ValueError("is no email address that can get mail")
    return address


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or any(map(str.isspace, text)):
        raise ValueError("is no web address: it begins with https://")
    _ = parts.port  # raises ValueError where it is none
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_one_line)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(_printable)]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    AfterValidator(_one_line),
    AfterValidator(_email),
]
WebAddress = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=8, max_length=2000),
    AfterValidator(_one_line),
    AfterValidator(_web_address),
]
Instant = AwareDatetime

EXAMPLE_ID = "01938d2e-7a10-7c3e-8f00-5f1f6b6f4a21"


class Answer(BaseModel):
    """Base of what is answered; read from rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Body(BaseModel):
    """Base of what is sent: a field that we do not know is an error, not a surprise later."""

    model_config = ConfigDict(extra="forbid")


class Change(Body):
    """Base of a change: only the fields that are named change, and at least one is."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names no field to change")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """No defaults in the description: a field that is left out does not change."""
        described = handler.resolve_ref_schema(handler(schema))
        for field in described.get("properties", {}).values():
            field.pop("default", None)
        return described

    def changes(self) -> dict[str, Any]:
        """The fields that were named, by column."""
        return self.model_dump(exclude_unset=True)
