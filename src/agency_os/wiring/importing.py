"""Importing a list into a client: read, checked against what the client has and against suppression, stored by batches.

For the command line, the demo and the API. One transaction for each batch: a run that is cut off may be run
again, and nobody is twice in the client's leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from agency_os.db import AsyncSession, Database
from agency_os.db.migrate import load_migrations
from agency_os.domain.calendars import latest_date
from agency_os.domain.company import company_key
from agency_os.domain.csv_reading import ByteStream
from agency_os.domain.lead_import import (
    ImportBatch,
    ImportedLead,
    ImportOptions,
    LeadList,
    LeftOut,
    name_at_company,
)
from agency_os.exceptions import AgencyOSError, ConflictError, MigrationError
from agency_os.kit.phone import PhoneKind, parse_phone
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.health import HealthRepository
from agency_os.repositories.imports import CompanyKey, ImportRepository

_KNOWN: Final = "the client has this lead already"


@dataclass(slots=True)
class ImportReport:
    """``read`` = ``accepted`` + the left-out rows, each with its reason."""

    import_id: UUID
    mapping: Mapping[str, str]
    accepted: int = 0
    left_out: list[tuple[int, str]] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Rows read, the header not counted."""
        return self.accepted + len(self.left_out)


async def confirm_migrated(database: Database, now: datetime) -> None:
    """Raises MigrationError where the database lacks migrations of this version."""
    versions = [migration.version for migration in load_migrations()]
    try:
        async with database.transaction(now=now) as db:
            missing = await HealthRepository(db).missing(versions)
    except AgencyOSError:
        raise
    except Exception as error:  # an empty database has neither our roles nor our functions
        raise MigrationError("the database has none of our tables: run `agency-os migrate`, then again") from error
    if missing:
        raise MigrationError(f"migrations {', '.join(missing)} are missing: run `agency-os migrate`, then again")


async def import_leads(
    database: Database,
    hashes: PersonHash,
    *,
    client_id: UUID,
    campaign_id: UUID | None,
    stream: ByteStream,
    file_name: str,
    options: ImportOptions | None,
    now: datetime,
) -> ImportReport:
    """Import the list in ``stream`` at business time ``now``.

    Raises InvalidInputError for a file that is no list of people, and for an unknown client or campaign.
    """
    leads = LeadList(stream, options or ImportOptions(), latest_date(now))
    mapping = leads.columns.mapping
    async with database.transaction(now=now) as db:
        import_id = await ImportRepository(db, client_id).open(
            campaign_id=campaign_id, file_name=file_name, mapping=mapping
        )
    report = ImportReport(import_id, mapping)
    for batch in leads.batches():
        async with database.transaction(now=now) as db:
            await store_batch(db, hashes, report, client_id, campaign_id, batch)
    async with database.transaction(now=now) as db:
        await ImportRepository(db, client_id).finish(import_id, now)
    return report


async def add_lead(
    db: AsyncSession, hashes: PersonHash, *, client_id: UUID, campaign_id: UUID | None, lead: ImportedLead
) -> UUID:
    """One lead that a person or a program enters, by the same rules as a list: no duplicate, nobody suppressed.

    Raises ConflictError with the reason.
    """
    repository = ImportRepository(db, client_id)
    await repository.wait_for_turn()
    reasons = await _reasons(repository, hashes, (lead,))
    if reasons:
        raise ConflictError(reasons[lead.row])
    stored = await repository.store(None, campaign_id, [lead], [_company(lead)])
    if lead.row not in stored:
        raise ConflictError(_KNOWN)
    return stored[lead.row]


async def store_batch(
    db: AsyncSession,
    hashes: PersonHash,
    report: ImportReport,
    client_id: UUID,
    campaign_id: UUID | None,
    batch: ImportBatch,
) -> None:
    """Store one batch in the caller's transaction, and note of every row what became of it."""
    repository = ImportRepository(db, client_id)
    await repository.wait_for_turn()
    reasons = await _reasons(repository, hashes, batch.accepted)
    wanted = [lead for lead in batch.accepted if lead.row not in reasons]
    stored = await repository.store(report.import_id, campaign_id, wanted, [_company(lead) for lead in wanted])
    accepted = [(lead, stored[lead.row]) for lead in wanted if lead.row in stored]
    left_out = [
        *batch.left_out,
        *(
            LeftOut(lead.row, reasons.get(lead.row, _KNOWN), lead.raw)
            for lead in batch.accepted
            if lead.row not in stored
        ),
    ]
    await repository.note_rows(report.import_id, accepted, left_out)
    report.accepted += len(accepted)
    report.left_out += sorted((each.row, each.reason) for each in left_out)


async def _reasons(repository: ImportRepository, hashes: PersonHash, leads: tuple[ImportedLead, ...]) -> dict[int, str]:
    """Why accepted rows are not stored all the same. A suppression is never lifted by an import (decision 9)."""
    emails = {lead.row: email for lead in leads if (email := lead.text("email")) is not None}
    profiles = {lead.row: url for lead in leads if (url := lead.text("linkedin_url")) is not None}
    known = await repository.existing(list(emails.values()), list(profiles.values()))
    digests = [
        (lead.row, channel, hashes.of(channel, address)) for lead in leads for channel, address in _personal(lead)
    ]
    suppressed = await repository.suppressed([(channel, digest) for _, channel, digest in digests])
    reasons = {row: "suppressed" for row, _, digest in digests if digest in suppressed}
    for keys in (emails, profiles):
        for row, key in keys.items():
            if key in known:
                reasons.setdefault(row, _KNOWN)
    by_name = {lead.row: name for lead in leads if (name := _only_named(lead)) is not None}
    for row in await repository.existing_names(by_name):
        reasons[row] = _KNOWN
    return reasons


def _personal(lead: ImportedLead) -> Iterator[tuple[str, str]]:
    """The addresses that are this person's alone, by channel: who opted out comes back under no other one. An office's
    number is its colleagues' too."""
    phone = parse_phone(lead.text("phone") or "")
    mobile = phone.e164 if phone is not None and phone.kind is PhoneKind.MOBILE else None
    known = {"email": lead.text("email"), "linkedin": lead.text("linkedin_url"), "sms": mobile}
    for channel, address in known.items():
        if address is not None:
            yield channel, address


def _only_named(lead: ImportedLead) -> tuple[str, str, str] | None:
    has_address = lead.facts.email is not None or lead.facts.linkedin_url is not None
    return None if has_address else name_at_company(lead.facts)


def _company(lead: ImportedLead) -> CompanyKey | None:
    name, domain = lead.text("company"), lead.text("domain")
    key = company_key(domain, name)
    return CompanyKey(key, name, domain if key == domain else None) if key else None
