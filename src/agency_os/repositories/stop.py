"""What stops us: suppressions, withdrawn consent, holds, and the marks of a reply, a bounce or a meeting on a lead.

Write these only after `TouchPlanningRepository.take_back` has locked the touches and leads concerned (DESIGN 4).
Everything may be written twice, in any order of events, with the same end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from agency_os.kit.ids import new_id, new_ids
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.base import Repository

_SUPPRESS = text("""
    INSERT INTO client_suppression (id, client_id, channel, address_hash, reason, added_by)
    SELECT q.id, :client_id, CAST(q.channel AS channel_type), q.hash, :reason, :added_by
    FROM unnest(CAST(:ids AS uuid[]), CAST(:channels AS text[]), CAST(:hashes AS bytea[])) AS q (id, channel, hash)
    ON CONFLICT DO NOTHING
""")
_SUPPRESS_EVERYWHERE = text("""
    INSERT INTO global_suppression (id, channel, address_hash, reason, added_by)
    SELECT q.id, CAST(q.channel AS channel_type), q.hash, :reason, :added_by
    FROM unnest(CAST(:ids AS uuid[]), CAST(:channels AS text[]), CAST(:hashes AS bytea[])) AS q (id, channel, hash)
    ON CONFLICT DO NOTHING
""")
_WITHDRAW = text("""
    UPDATE consents SET withdrawn_at = :at WHERE client_id = :client_id AND lead_id = :lead_id AND withdrawn_at IS NULL
""")
_ADDRESSES = text("SELECT email, phone, linkedin_url FROM leads WHERE id = :lead_id")
_LEADS_AT = text("""
    SELECT id FROM leads
    WHERE client_id = :client_id AND deleted_at IS NULL AND CASE CAST(:channel AS text)
        WHEN 'email' THEN lower(email) = :address
        WHEN 'linkedin' THEN lower(linkedin_url) = :address
        ELSE phone = :address
    END
    ORDER BY id
""")
_STATUS = text("""
    UPDATE leads SET status = CAST(:status AS lead_status), status_reason = :reason
    WHERE id = :lead_id AND status = ANY (CAST(:from_states AS lead_status[]))
""")
_OUT_OF_REACH = text("SELECT status IN ('unsubscribed', 'bounced') FROM leads WHERE id = :lead_id")
_REPLIED = text(
    "UPDATE leads SET last_reply_at = greatest(last_reply_at, CAST(:at AS timestamptz)) WHERE id = :lead_id"
)
_MET = text("""
    UPDATE leads SET meeting_booked_at = least(meeting_booked_at, CAST(:at AS timestamptz)) WHERE id = :lead_id
""")
_DEAD_ADDRESS = text("UPDATE leads SET email_status = 'invalid' WHERE id = ANY (:leads) AND lower(email) = :email")
_HOLD = text("""
    INSERT INTO holds (id, client_id, lead_id, company_id, reason, until)
    SELECT :id, :client_id, CAST(:lead_id AS uuid), CAST(:company_id AS uuid), :reason, CAST(:until AS timestamptz)
    WHERE NOT EXISTS (
        SELECT FROM holds AS h
        WHERE h.client_id = :client_id AND h.released_at IS NULL AND h.reason = :reason
            AND h.lead_id IS NOT DISTINCT FROM CAST(:lead_id AS uuid)
            AND h.company_id IS NOT DISTINCT FROM CAST(:company_id AS uuid)
            AND (h.until IS NULL OR h.until >= CAST(:until AS timestamptz))
    )
""")
_ACTIVITIES = text("""
    INSERT INTO activities (id, client_id, campaign_id, lead_id, touch_id, channel, action, provider_message_id,
        metadata, created_at)
    SELECT q.id, q.client_id, q.campaign_id, q.lead_id, q.touch_id, 'email', q.action, q.provider_id,
        jsonb_build_object('detail', q.detail), q.at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:clients AS uuid[]), CAST(:campaigns AS uuid[]), CAST(:leads AS uuid[]),
        CAST(:touches AS uuid[]), CAST(:actions AS text[]), CAST(:provider_ids AS text[]), CAST(:details AS text[]),
        CAST(:ats AS timestamptz[])
    ) AS q (id, client_id, campaign_id, lead_id, touch_id, action, provider_id, detail, at)
""")
_MAY_UNSUBSCRIBE = ("new", "enriched", "scored", "in_sequence", "converted", "bounced")
_MAY_BOUNCE = ("new", "enriched", "scored", "in_sequence")
_MAY_CONVERT = ("scored", "in_sequence", "bounced")


class StopRepository(Repository):
    """Writes of the service, each naming its tenant."""

    async def addresses(self, lead_id: UUID) -> dict[str, str]:
        """The lead's addresses by channel."""
        row = (await self.db.execute(_ADDRESSES, {"lead_id": lead_id})).one()
        known = {"email": row.email, "sms": row.phone, "voice": row.phone, "linkedin": row.linkedin_url}
        return {channel: address for channel, address in known.items() if address}

    async def leads_at(self, client_id: UUID, channel: str, address: str) -> list[UUID]:
        """The client's live leads with an address (in normal form) of ``channel``."""
        values = {"client_id": client_id, "channel": channel, "address": address}
        return list((await self.db.execute(_LEADS_AT, values)).scalars())

    async def suppress(
        self, client_id: UUID, hashes: Sequence[tuple[str, bytes]], *, reason: str, added_by: str
    ) -> None:
        """Bind one client: ``hashes`` are pairs of channel and person hash."""
        values = {"client_id": client_id, "reason": reason, "added_by": added_by}
        await self.db.execute(_SUPPRESS, {**values, **_columns(hashes)})

    async def suppress_everywhere(self, hashes: Sequence[tuple[str, bytes]], *, reason: str, added_by: str) -> None:
        """Bind every client."""
        await self.db.execute(_SUPPRESS_EVERYWHERE, {"reason": reason, "added_by": added_by, **_columns(hashes)})

    async def withdraw_consents(self, client_id: UUID, lead_id: UUID, at: datetime) -> None:
        """An opt-out withdraws every consent (Spam Act 2003 sch 2 cl 6)."""
        await self.db.execute(_WITHDRAW, {"client_id": client_id, "lead_id": lead_id, "at": at})

    async def unsubscribed(self, lead_id: UUID, reason: str) -> None:
        """Final: nothing leads out of it."""
        await self._status(lead_id, "unsubscribed", reason, _MAY_UNSUBSCRIBE)

    async def silence(
        self,
        client_id: UUID,
        leads: Collection[UUID],
        hashes: PersonHash,
        *,
        beside: Set[tuple[str, bytes]],
        reason: str,
        added_by: str,
        at: datetime,
    ) -> set[tuple[str, bytes]]:
        """An opt-out binds the client on all channels (decision 9): every address of ``leads``, and the pairs of
        channel and person hash ``beside``. Returns all of these pairs."""
        found = set(beside)
        for lead_id in sorted(leads):
            known = await self.addresses(lead_id)
            found |= {(channel, hashes.of(channel, address)) for channel, address in known.items()}
        await self.suppress(client_id, sorted(found), reason=reason, added_by=added_by)
        for lead_id in sorted(leads):
            await self.withdraw_consents(client_id, lead_id, at)
            await self.unsubscribed(lead_id, reason)
        return found

    async def bounced(self, lead_id: UUID, reason: str) -> None:
        """The lead's address is dead; who has converted stays converted."""
        await self._status(lead_id, "bounced", reason, _MAY_BOUNCE)

    async def converted(self, lead_id: UUID, reason: str) -> None:
        """A meeting is booked."""
        await self._status(lead_id, "converted", reason, _MAY_CONVERT)

    async def is_out_of_reach(self, lead_id: UUID) -> bool:
        """Whether nothing at all may go to the lead, no answer either."""
        return bool(await self.db.scalar(_OUT_OF_REACH, {"lead_id": lead_id}))

    async def replied(self, lead_id: UUID, at: datetime) -> None:
        """The lead wrote at ``at`` (business time)."""
        await self.db.execute(_REPLIED, {"lead_id": lead_id, "at": at})

    async def met(self, lead_id: UUID, at: datetime) -> None:
        """The lead booked at ``at`` (business time)."""
        await self.db.execute(_MET, {"lead_id": lead_id, "at": at})

    async def dead_address(self, leads: Sequence[UUID], email: str) -> None:
        """The address takes no mail."""
        await self.db.execute(_DEAD_ADDRESS, {"leads": list(leads), "email": email.lower()})

    async def hold_lead(self, client_id: UUID, lead_id: UUID, *, reason: str, until: datetime | None) -> None:
        """No automatic approach to the lead; ``until`` None waits for a person."""
        await self._hold(client_id, lead_id, None, reason, until)

    async def hold_company(self, client_id: UUID, company_id: UUID, *, reason: str, until: datetime | None) -> None:
        """No automatic approach to anybody of the company."""
        await self._hold(client_id, None, company_id, reason, until)

    async def note(self, activities: Sequence[Mapping[str, object]]) -> None:
        """Append activities: client_id, campaign_id, lead_id, touch_id, action, provider_id, detail, at."""
        if activities:
            names = {
                "clients": "client_id", "campaigns": "campaign_id", "leads": "lead_id", "touches": "touch_id",
                "actions": "action", "provider_ids": "provider_id", "details": "detail", "ats": "at",
            }  # fmt: skip
            columns = {column: [each[name] for each in activities] for column, name in names.items()}
            await self.db.execute(_ACTIVITIES, {"ids": new_ids(len(activities)), **columns})

    async def _status(self, lead_id: UUID, status: str, reason: str, from_states: tuple[str, ...]) -> None:
        values = {"lead_id": lead_id, "status": status, "reason": reason, "from_states": list(from_states)}
        await self.db.execute(_STATUS, values)

    async def _hold(
        self, client_id: UUID, lead_id: UUID | None, company_id: UUID | None, reason: str, until: datetime | None
    ) -> None:
        values = {"client_id": client_id, "lead_id": lead_id, "company_id": company_id}
        await self.db.execute(_HOLD, {"id": new_id(), **values, "reason": reason, "until": until})


def _columns(hashes: Sequence[tuple[str, bytes]]) -> dict[str, list[object]]:
    return {
        "ids": list(new_ids(len(hashes))),
        "channels": [channel for channel, _ in hashes],
        "hashes": [digest for _, digest in hashes],
    }
