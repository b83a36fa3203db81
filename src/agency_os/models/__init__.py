"""SQLAlchemy tables, one noun a file. Importing this package registers all of them with `Base.metadata`."""

from __future__ import annotations

from agency_os.models.activity import Activity
from agency_os.models.api_key import ApiKey
from agency_os.models.audit_log import AuditLog, AuditValue
from agency_os.models.audit_seal import AuditSeal, AuditSealed
from agency_os.models.base import Base
from agency_os.models.campaign import Campaign
from agency_os.models.client import Client, PlatformSetting
from agency_os.models.client_portfolio import PortfolioCompany
from agency_os.models.company import Company
from agency_os.models.consent import Consent
from agency_os.models.conversation import Conversation, Message
from agency_os.models.conversion_pattern import ConversionPattern, ConversionPatternHistory
from agency_os.models.cost_entry import CostEntry
from agency_os.models.enrichment_request import EnrichmentRequest
from agency_os.models.hold import Hold
from agency_os.models.idempotency_key import IdempotencyKey
from agency_os.models.imports import Import, ImportFile, ImportRow
from agency_os.models.inbound_event import InboundEvent
from agency_os.models.invitation import Invitation
from agency_os.models.lead import Lead
from agency_os.models.mailbox_position import MailboxPositionRow
from agency_os.models.meeting import Meeting
from agency_os.models.membership import Membership
from agency_os.models.resource import Resource, ResourceUsage
from agency_os.models.send_batch import SendBatch
from agency_os.models.sequence_step import SequenceStep
from agency_os.models.suppression import ClientSuppression, GlobalSuppression
from agency_os.models.touch import Touch
from agency_os.models.user import User
from agency_os.models.webhook_config import WebhookConfig

__all__ = [
    "Activity",
    "ApiKey",
    "AuditLog",
    "AuditSeal",
    "AuditSealed",
    "AuditValue",
    "Base",
    "Campaign",
    "Client",
    "ClientSuppression",
    "Company",
    "Consent",
    "Conversation",
    "ConversionPattern",
    "ConversionPatternHistory",
    "CostEntry",
    "EnrichmentRequest",
    "GlobalSuppression",
    "Hold",
    "IdempotencyKey",
    "Import",
    "ImportFile",
    "ImportRow",
    "InboundEvent",
    "Invitation",
    "Lead",
    "MailboxPositionRow",
    "Meeting",
    "Membership",
    "Message",
    "PlatformSetting",
    "PortfolioCompany",
    "Resource",
    "ResourceUsage",
    "SendBatch",
    "SequenceStep",
    "Touch",
    "User",
    "WebhookConfig",
]
