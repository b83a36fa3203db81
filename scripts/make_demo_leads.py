"""Writes the demo's lead list: people of the sandbox's directory, as messy as real lists are. The CSV is the record.

Run from the repository's root: python scripts/make_demo_leads.py
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from agency_os_sandbox.world.directory import Contact, build_directory
from agency_os_sandbox.world.places import STATE_NAMES

TARGET = Path("src/agency_os/stack/data/demo_leads.csv")
ROWS = 500
HEADER = [
    "Full Name", "First Name", "Last Name", "Job Title", "Company", "Website", "Email", "Mobile", "LinkedIn", "State",
    "Country", "Employees", "Opted out", "Consent basis", "Consent source", "Consent relevance",
]  # fmt: skip
SEED = 20_261_125


def main(target: Path = TARGET) -> None:
    """Draw the people and write the file."""
    chance = random.Random(SEED)
    people = [each for each in build_directory().contacts if each.company.industry != "agency" and not each.private]
    rows = [_row(chance, person) for person in chance.sample(people, ROWS - 24)]
    rows += [_disguised(chance, row) for row in chance.sample(rows, 14)]
    rows += [_unusable(chance) for _ in range(10)]
    chance.shuffle(rows)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)


def _row(chance: random.Random, person: Contact) -> list[str]:
    company = person.company
    split = chance.random() < 0.6
    full = "" if split else f"{person.first_name} {person.last_name}"
    if full and chance.random() < 0.15:
        full = f"{person.last_name}, {person.first_name}"
    first, last = (person.first_name, person.last_name) if split else ("", "")
    if split and chance.random() < 0.06:
        first, last = first.upper(), last.upper()
    email = person.email if chance.random() < 0.72 else ""
    if email and chance.random() < 0.08:
        email = email.title()
    website = chance.choice((company.domain, f"www.{company.domain}", f"https://www.{company.domain}/about"))
    state = chance.choice((company.state, company.state, STATE_NAMES[company.state], f"{company.city} {company.state}"))
    consent = ["inferred", f"https://www.{company.domain}/team", "decides on marketing"]
    return [
        full, first, last, person.title, company.name, website, email, _phone(chance, person),
        person.linkedin_url if person.linkedin_url and chance.random() < 0.35 else "", state,
        chance.choice(("Australia", "AU", "", "Australia")), _employees(chance, company.employees),
        "yes" if chance.random() < 0.008 else "", *(consent if chance.random() < 0.96 else ["", "", ""]),
    ]  # fmt: skip


def _phone(chance: random.Random, person: Contact) -> str:
    number = person.mobile or person.company.phone
    if chance.random() > 0.5:
        return ""
    if not number.startswith("04"):
        return number
    spaced = f"{number[:4]} {number[4:7]} {number[7:]}"
    return chance.choice((number, spaced, f"+61 {spaced[1:]}"))


def _employees(chance: random.Random, count: int) -> str:
    bands = ((10, "1-10"), (50, "11-50"), (200, "51-200"))
    band = next((name for top, name in bands if count <= top), "201-500")
    return chance.choice((str(count), band, ""))


def _disguised(chance: random.Random, row: list[str]) -> list[str]:
    """The same person again, written otherwise."""
    again = list(row)
    again[6] = row[6].upper()
    again[7] = ""
    again[3] = chance.choice((row[3], row[3].lower()))
    return again


def _unusable(chance: random.Random) -> list[str]:
    return chance.choice(
        (
            ["Reception", "", "", "", "", "", "", "", "", "NSW", "AU", "", "", "", "", ""],
            ["", "Kim", "", "Owner", "", "", "not an email", "", "", "", "", "", "", "", "", ""],
            ["", "", "", "", "Unknown Company", "", "", "0000", "", "", "", "", "", "", "", ""],
        )
    )


if __name__ == "__main__":
    main()
