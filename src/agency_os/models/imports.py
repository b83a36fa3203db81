"""Imported lead lists and their rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import IMPORT_STATE, Base, CreatedMixin, IdMixin


class Import(IdMixin, CreatedMixin, Base):
    """One imported list; its counts add up: read = accepted + left out."""

    __tablename__ = "imports"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="imports_tenant_key"),
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="imports_campaign_fk"
        ),
        Index("idx_imports_client", "client_id", text("created_at DESC")),
        Index(
            "idx_imports_waiting",
            "id",
            postgresql_where=text("state = ANY (ARRAY['queued'::import_state, 'running'::import_state])"),
        ),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    campaign_id: Mapped[uuid.UUID | None]
    file_name: Mapped[str]
    mapping: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    rows_read: Mapped[int] = mapped_column(server_default=text("0"))
    rows_accepted: Mapped[int] = mapped_column(server_default=text("0"))
    rows_left_out: Mapped[int] = mapped_column(server_default=text("0"))
    finished_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(IMPORT_STATE, server_default=text("'running'"))
    byte_size: Mapped[int | None] = mapped_column(BigInteger)
    overrides: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    consent: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]


class ImportRow(IdMixin, Base):
    """One row of an import: the lead it became, or why it was left out."""

    __tablename__ = "import_rows"
    __table_args__ = (
        UniqueConstraint("import_id", "row_number", name="unique_import_row"),
        ForeignKeyConstraint(
            ["client_id", "import_id"], ["imports.client_id", "imports.id"], name="import_rows_import_fk"
        ),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="import_rows_lead_fk"),
        Index("idx_import_rows_client", "client_id"),
    )

    client_id: Mapped[uuid.UUID]
    import_id: Mapped[uuid.UUID]
    row_number: Mapped[int]
    lead_id: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]
    raw: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class ImportFile(CreatedMixin, Base):
    """An uploaded list, compressed, until it has been run; ``lease_until`` is wall time (UTC)."""

    __tablename__ = "import_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "import_id"], ["imports.client_id", "imports.id"], name="import_files_import_fk"
        ),
        Index("idx_import_files_client", "client_id"),
    )

    import_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID]
    content: Mapped[bytes | None]
    lease_until: Mapped[datetime | None]
