"""HeyReach's calls."""

from __future__ import annotations

from agency_os.integrations.heyreach import HeyReachClient
from agency_os.integrations.heyreach_types import LinkedInAction, NewCampaign, NewLead, one_step
from tests.factories.calls import Calls

_LEAD = NewLead("https://www.linkedin.com/in/jo-citizen", 1001, "Jo", "Citizen", fields={"agency_text": "Hello."})
_CAMPAIGN = NewCampaign("Invitations", 1, (1001,), one_step(LinkedInAction.INVITE, text="Hello."))

CALLS: Calls = {
    "check_key": lambda connection: HeyReachClient(connection).check_key(),
    "accounts": lambda connection: HeyReachClient(connection).accounts(),
    "account": lambda connection: HeyReachClient(connection).account(1001),
    "campaigns": lambda connection: HeyReachClient(connection).campaigns(),
    "campaign": lambda connection: HeyReachClient(connection).campaign(1),
    "create_list": lambda connection: HeyReachClient(connection).create_list("People"),
    "create_campaign": lambda connection: HeyReachClient(connection).create_campaign(_CAMPAIGN),
    "start_campaign": lambda connection: HeyReachClient(connection).start_campaign(1),
    "pause_campaign": lambda connection: HeyReachClient(connection).pause_campaign(1),
    "resume_campaign": lambda connection: HeyReachClient(connection).resume_campaign(1),
    "add_leads": lambda connection: HeyReachClient(connection).add_leads(1, [_LEAD]),
    "leads": lambda connection: HeyReachClient(connection).leads(1),
    "campaigns_of_lead": lambda connection: HeyReachClient(connection).campaigns_of_lead(_LEAD.profile_url),
    "stop_lead": lambda connection: HeyReachClient(connection).stop_lead(1, _LEAD.profile_url),
    "conversations": lambda connection: HeyReachClient(connection).conversations(),
    "conversation": lambda connection: HeyReachClient(connection).conversation(1001, "2-abc="),
    "send_message": lambda connection: HeyReachClient(connection).send_message(1001, "2-abc=", "Hello."),
}
EMPTY_IS_FINE = frozenset(
    {"check_key", "start_campaign", "pause_campaign", "resume_campaign", "stop_lead", "send_message"}
)
