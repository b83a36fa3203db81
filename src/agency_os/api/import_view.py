"""Lists as they are looked at before they are run. Reading one is work for a thread: it may be long."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from datetime import date

from agency_os.api.schemas.imports import LeftOutRow, Preview, PreviewedLead
from agency_os.domain.consent import ConsentDeclaration
from agency_os.domain.import_columns import Columns
from agency_os.domain.lead_import import ImportedLead, ImportOptions, LeadList, read_columns
from agency_os.exceptions import ConflictError, InvalidInputError

MOST_PREVIEWED = 10_000
"""Rows of a list that a preview looks at."""


def compress(content: bytes) -> bytes:
    """A file as it is kept."""
    return zlib.compress(content, 6)


def columns_of(content: bytes, overrides: Mapping[str, str] | None = None) -> Columns:
    """The columns of a file. Raises InvalidInputError for what is no list, and for a wrong override."""
    return read_columns(io.BytesIO(content), overrides)


def mapping_of(kept: bytes, overrides: Mapping[str, str]) -> dict[str, str]:
    """Column → field of a kept file. Raises InvalidInputError for an override of what is not there."""
    try:
        return columns_of(zlib.decompress(kept), overrides).mapping
    except InvalidInputError as error:
        raise InvalidInputError(str(error), field="body.overrides") from error


def check_readable(kept: bytes, overrides: Mapping[str, str]) -> None:
    """Raises ConflictError where the columns do not tell who anybody is."""
    if not columns_of(zlib.decompress(kept), overrides).identify_a_lead:
        raise ConflictError(
            "no column names a person (an email, a LinkedIn profile, or a name with company): say which holds what "
            "with PUT …/mapping"
        )


def preview(
    kept: bytes, overrides: Mapping[str, str], consent: ConsentDeclaration | None, today: date, shown: int
) -> Preview:
    """What a kept file would come to. Raises InvalidInputError where its columns do not tell who anybody is."""
    leads = LeadList(io.BytesIO(zlib.decompress(kept)), ImportOptions(overrides, consent), today)
    accepted: list[PreviewedLead] = []
    left_out: list[LeftOutRow] = []
    counts = {"read": 0, "accepted": 0, "without": 0}
    is_whole = True
    for batch in leads.batches():
        counts["read"] += len(batch.accepted) + len(batch.left_out)
        counts["accepted"] += len(batch.accepted)
        counts["without"] += sum(each.consent is None for each in batch.accepted)
        accepted += [_shown(each) for each in batch.accepted[: shown - len(accepted)]]
        left_out += [LeftOutRow(row=each.row, reason=each.reason) for each in batch.left_out[: shown - len(left_out)]]
        if counts["read"] >= MOST_PREVIEWED:
            is_whole = False
            break
    return Preview(
        columns=list(leads.columns.names),
        mapping=leads.columns.mapping,
        rows_read=counts["read"],
        is_whole=is_whole,
        accepted=counts["accepted"],
        without_consent=counts["without"],
        leads=accepted,
        left_out=left_out,
    )


def _shown(lead: ImportedLead) -> PreviewedLead:
    values = {
        name: fact.value.isoformat() if isinstance(fact.value, date) else fact.value
        for name, fact in lead.facts.known()
    }
    return PreviewedLead(row=lead.row, values=values, has_consent=lead.consent is not None, notes=list(lead.notes))
