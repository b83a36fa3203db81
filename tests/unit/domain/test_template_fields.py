"""Templates are checked against exactly those fields that the content engine fills."""

from __future__ import annotations

from agency_os.domain.content import TEMPLATE_FIELDS, Sender, template_fault
from agency_os.engines import content

KNOWN = (
    "first_name", "last_name", "title", "company", "organization_industry", "state", "domain", "default_offer",
    "value_proposition", "website_url", "booking_url",
)  # fmt: skip
ROW = dict.fromkeys(KNOWN, "https://x.example")


def test_every_field_that_may_be_named_is_filled_and_no_other() -> None:
    sender = Sender("Ann Carter", "ann@harbour.example", "Harbour", None, "1 Example Street")
    assert set(content._values(ROW, sender, "token")) == TEMPLATE_FIELDS


def test_a_template_may_bind_names_of_its_own() -> None:
    assert template_fault("{% set hi = first_name %}{{ hi }}") is None


def test_a_template_that_is_nested_without_end_is_refused() -> None:
    assert template_fault("{% if a %}" * 5000) is not None
