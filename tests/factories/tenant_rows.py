"""One row of every noun of the API for a client, made directly in the database, as often as a test wants."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from agency_os.kit.ids import new_id

# Path parameter → how a row of its noun is made.
_ROWS = {
    "campaign_id": "INSERT INTO campaigns (id, client_id, name) VALUES ('{id}', '{client}', '{text}')",
    "lead_id": "INSERT INTO leads (id, client_id, email) VALUES ('{id}', '{client}', '{text}@lead.example')",
    "sender_id": """
        INSERT INTO resources (id, client_id, kind, channel, address, sender_email, provider, daily_limit)
        VALUES ('{id}', '{client}', 'domain', 'email', '{text}.example', 'ann@{text}.example', 'resend', 50)
    """,
    "import_id": "INSERT INTO imports (id, client_id, file_name) VALUES ('{id}', '{client}', '{text}')",
    "invitation_id": """
        INSERT INTO invitations (id, client_id, email, role, invited_by, expires_at)
        VALUES ('{id}', '{client}', '{text}@invited.example', 'viewer', '{user}', now() + interval '1 day')
    """,
    "key_id": """
        INSERT INTO api_keys (id, client_id, name, shown, digest, scopes, created_by)
        VALUES ('{id}', '{client}', 'key', 'aos_', sha256('{text}'), ARRAY['leads:read'], '{user}')
    """,
    "user_id": "INSERT INTO auth.users (id, email, email_confirmed_at) VALUES ('{id}', '{text}@member.example', now())",
}
_REST = """
    INSERT INTO memberships (user_id, client_id, role, accepted_at) VALUES ('{user_id}', '{client}', 'viewer', now());
    INSERT INTO sequence_steps (id, client_id, campaign_id, step, channel, day_offset, subject_template, body_template)
    VALUES ('{step_id}', '{client}', '{campaign_id}', 1, 'email', 0, 'Hello', 'Words');
    INSERT INTO touches (id, client_id, campaign_id, lead_id, kind, channel, sequence_step_id, step, due_at)
    VALUES ('{touch_id}', '{client}', '{campaign_id}', '{lead_id}', 'sequence', 'email', '{step_id}', 1, now());
    INSERT INTO meetings (id, client_id, lead_id, provider, provider_uid, status, starts_at, provider_updated_at)
    VALUES ('{meeting_id}', '{client}', '{lead_id}', 'cal_com', '{meeting_id}', 'booked', now(), now());
"""


async def make_rows(owner: asyncpg.Connection, client_id: UUID, user_id: UUID) -> dict[str, UUID]:
    """New rows of a client, by the name that a path or a body gives their ids; ``user_id`` made those that need one."""
    ids = {name: new_id() for name in (*_ROWS, "touch_id", "meeting_id")}
    statements = [
        statement.format(id=ids[name], client=client_id, text=ids[name].hex, user=user_id)
        for name, statement in _ROWS.items()
    ]
    await owner.execute(";".join([*statements, _REST.format(client=client_id, step_id=new_id(), **ids)]))
    return ids
