"""The companies' websites as a crawler reads them: a home page, a page about them, and one about jobs.

What stands there is the truth of the directory, with the gaps that real sites have: not every one names its year, its
head count or an ABN. Strangers' addresses have no site.
"""

from __future__ import annotations

from typing import Any

from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Company, Directory, bare_domain


def pages_of(directory: Directory, address: str) -> list[dict[str, Any]]:
    """The pages of the site at this address, as items of a crawler's data set."""
    company = directory.company(bare_domain(address))
    if company is None:
        return []
    home = f"https://{company.domain}/"
    return [
        _item(home, company.name, f"{company.label.capitalize()} in {company.city}.", _home(company)),
        _item(f"{home}about", f"About {company.name}", "Who we are.", _about(company)),
        _item(f"{home}careers", f"Careers at {company.name}", "Work with us.", _careers(company)),
    ]


def _home(company: Company) -> str:
    services = ", ".join(company.keywords)
    contact = f"Call us on {company.phone}." if unit(company.id, "site phone") < 0.8 else ""
    return f"Welcome to {company.name}. {services.capitalize()} in {company.city} and around. {contact}"


def _about(company: Company) -> str:
    lines = [f"{company.name} looks after people in {company.city}, {company.state}."]
    if unit(company.id, "site year") < 0.6:
        lines.append(f"We have been here since {company.founded}.")
    if unit(company.id, "site staff") < 0.5:
        lines.append(f"Today we are a team of {company.employees}.")
    return " ".join(lines)


def _careers(company: Company) -> str:
    if company.is_hiring:
        return "We are hiring! Join our team: send us your CV."
    return "There are no current vacancies. Thank you for your interest."


def _item(url: str, title: str, description: str, text: str) -> dict[str, Any]:
    return {
        "url": url,
        "crawl": {"loadedUrl": url, "depth": 0 if url.endswith("/") else 1, "httpStatusCode": 200},
        "metadata": {"canonicalUrl": url, "title": title, "description": description, "languageCode": "en-AU"},
        "text": text,
    }
