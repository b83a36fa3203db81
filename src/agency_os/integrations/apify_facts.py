"""Apify as a source of facts: the companies' own websites, several to a run, read by rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from agency_os.domain.company_page import CompanyPage, read_company_pages
from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import Fact, FactValue, LeadFacts
from agency_os.exceptions import ProviderError
from agency_os.integrations.apify import NAME, ApifyClient, Page
from agency_os.integrations.fact_source import Answer, Found, Refused, Unclear, answer_of, shares
from agency_os.kit.addresses import registrable_domain

SITES_AT_ONCE: Final = 10
PAGES_EACH: Final = 3
"""A site's home page and the first two that it links to: who they are, and whether they are hiring."""
_SAID: Final = 0.80


@dataclass(frozen=True, slots=True)
class ApifySource:
    """See `FactSource`. ``unit_cost`` is A$ a page."""

    client: ApifyClient
    unit_cost: Decimal
    lookup: Lookup = Lookup.APIFY
    batch_limit: int = SITES_AT_ONCE
    repeatable: bool = False
    answers_later: bool = False

    def operation(self, facts: LeadFacts) -> str:  # noqa: ARG002 - the same for everybody
        """See `FactSource.operation`."""
        return "crawl"

    def identity(self, facts: LeadFacts) -> str:
        """The website: all people of a company share its pages."""
        return _domain(facts)

    def most_units(self, facts: LeadFacts) -> Decimal:  # noqa: ARG002 - the same for everybody
        """See `FactSource.most_units`."""
        return Decimal(PAGES_EACH)

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:  # noqa: ARG002
        """See `FactSource.ask`."""
        domains = [_domain(facts) for facts in people]
        try:
            crawl = await self.client.crawl([f"https://{domain}/" for domain in domains], pages_each=PAGES_EACH)
        except ProviderError as error:
            units = shares(error.cost_units, [True] * len(people))
            return [answer_of(error, each) for each in units]
        own = [[page for page in crawl.pages if _site(page.url) == domain] for domain in domains]
        # Pages of nobody's domain come from a site that sends its visitors on: whoever got none of its own bears them.
        elsewhere = crawl.units - sum(len(pages) for pages in own)
        rest = shares(elsewhere, [not pages for pages in own])
        return [
            _answer(crawl.status, domain, pages, each, today)
            for domain, pages, each in zip(domains, own, rest, strict=True)
        ]


def _answer(status: str, domain: str, pages: Sequence[Page], elsewhere: Decimal, today: date) -> Answer:
    units = Decimal(len(pages)) + elsewhere
    if not pages and status != "SUCCEEDED":  # it was not reached, and nothing is known by that
        reason = f"{NAME}: the run ended {status}"
        return Unclear(reason, units) if units else Refused(reason)
    texts = [f"{page.title}\n{page.description}\n{page.text}" for page in pages]
    return Found(_facts(read_company_pages(texts, domain, today), today), units)


def _domain(facts: LeadFacts) -> str:
    return facts.domain.value.casefold() if facts.domain is not None else ""


def _site(url: str) -> str:
    return registrable_domain(urlsplit(url).hostname or "") or ""


def _facts(page: CompanyPage, today: date) -> LeadFacts:
    values: dict[str, FactValue | None] = {
        "organization_founded_year": page.founded_year,
        "organization_employee_count": page.employee_count,
        "organization_is_hiring": page.is_hiring,
        "organization_country": page.country,
    }
    return LeadFacts().with_facts(
        {name: Fact(value, NAME, today, _SAID) for name, value in values.items() if value is not None}
    )
