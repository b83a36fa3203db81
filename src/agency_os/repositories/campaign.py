"""A client's campaigns and their steps, as people and programs see and change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, text, update

from agency_os.domain.activation import ActivationFacts, StepFacts
from agency_os.exceptions import ConflictError
from agency_os.kit.ids import new_id, new_ids
from agency_os.models import Campaign, SequenceStep, Touch
from agency_os.repositories.base import TenantRepository

_SENDERS = text("""
    SELECT DISTINCT channel FROM resources
    WHERE client_id = :client_id AND deleted_at IS NULL AND paused_at IS NULL
""")
_IDENTITY = text("""
    SELECT subscription_status, sender_name, postal_address, booking_url FROM clients WHERE id = :client_id
""")


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign's row with its live steps, in order."""

    campaign: Campaign
    steps: Sequence[SequenceStep]

    def __getattr__(self, name: str) -> Any:
        """The campaign's own columns."""
        return getattr(self.campaign, name)


class CampaignRepository(TenantRepository):
    """One client's campaigns."""

    async def page(self, *, after: UUID | None, limit: int, status: str | None = None) -> list[CampaignView]:
        """Newest first, those that follow ``after``."""
        query = self.newest(select(Campaign), Campaign, after, limit)
        if status is not None:
            query = query.where(Campaign.status == status)
        return await self._with_steps((await self.db.scalars(query)).all())

    async def view(self, campaign_id: UUID, *, lock: bool = False) -> CampaignView:
        """One campaign, locked against other changes where it is to be changed. Raises NotFoundError."""
        if lock:
            await self.db.execute(
                select(Campaign.id)
                .where(Campaign.client_id == self.client_id, Campaign.id == campaign_id)
                .with_for_update(key_share=True)
            )
        (view,) = await self._with_steps([await self.get(Campaign, campaign_id)])
        return view

    async def create(self, fields: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> UUID:
        """A draft with its steps; ``fields`` and ``steps`` are columns."""
        campaign_id = new_id()
        await self.db.execute(insert(Campaign).values(id=campaign_id, client_id=self.client_id, **fields))
        await self._add_steps(campaign_id, steps)
        return campaign_id

    async def change(self, campaign_id: UUID, fields: Mapping[str, Any]) -> None:
        """Set columns of a live campaign."""
        if fields:
            await self.db.execute(
                update(Campaign)
                .where(Campaign.client_id == self.client_id, Campaign.id == campaign_id, Campaign.deleted_at.is_(None))
                .values(**fields)
                .execution_options(synchronize_session=False)
            )

    async def replace_steps(self, view: CampaignView, steps: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Make ``steps`` the sequence: known places are changed, new ones added, the others taken out.

        Raises ConflictError where a step that is taken out has been planned for somebody.
        """
        wanted = {(each["step"], each["channel"]): each for each in steps}
        known = {(each.step, each.channel): each.id for each in view.steps}
        gone = [step_id for place, step_id in known.items() if place not in wanted]
        if gone and await self.db.scalar(select(func.count()).where(Touch.sequence_step_id.in_(gone))):
            raise ConflictError(
                "a step that would be taken out is planned for leads already: keep it, or begin a new campaign"
            )
        for place, values in wanted.items():
            if place in known:
                await self._change_step(known[place], dict(values))
        for step_id in gone:
            await self._change_step(step_id, {"deleted_at": now})
        await self._add_steps(view.campaign.id, [each for place, each in wanted.items() if place not in known])

    async def activation_facts(self, view: CampaignView) -> ActivationFacts:
        """What decides whether the campaign may run."""
        client = (await self.db.execute(_IDENTITY, {"client_id": self.client_id})).one()
        senders = (await self.db.execute(_SENDERS, {"client_id": self.client_id})).scalars()
        return ActivationFacts(
            subscription_status=client.subscription_status,
            sender_name=client.sender_name,
            postal_address=client.postal_address,
            booking_url=client.booking_url,
            channels_with_sender=frozenset(senders),
            steps=tuple(
                StepFacts(each.step, each.channel, each.subject_template, each.body_template) for each in view.steps
            ),
        )

    async def _change_step(self, step_id: UUID, values: Mapping[str, Any]) -> None:
        query = update(SequenceStep).where(SequenceStep.client_id == self.client_id, SequenceStep.id == step_id)
        await self.db.execute(query.values(**values).execution_options(synchronize_session=False))

    async def _add_steps(self, campaign_id: UUID, steps: Sequence[Mapping[str, Any]]) -> None:
        ids = new_ids(len(steps))
        own = {"client_id": self.client_id, "campaign_id": campaign_id}
        await self.insert_many(
            SequenceStep, [{"id": step_id, **own, **step} for step_id, step in zip(ids, steps, strict=True)]
        )

    async def _with_steps(self, campaigns: Sequence[Campaign]) -> list[CampaignView]:
        ids = [each.id for each in campaigns]
        query = self.live(SequenceStep).where(SequenceStep.campaign_id.in_(ids))
        steps: dict[UUID, list[SequenceStep]] = {campaign_id: [] for campaign_id in ids}
        ordered = query.order_by(SequenceStep.step, SequenceStep.channel)
        for step in await self.db.scalars(ordered):
            steps[step.campaign_id].append(step)
        return [CampaignView(each, steps[each.id]) for each in campaigns]
