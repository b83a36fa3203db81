"""Email addresses, domains, profiles: one normal form, registrable domain, free mail, role addresses. No network."""

from __future__ import annotations

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

_LINKEDIN = re.compile(r"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/(?:in|pub)/([^/?#\s]+)", re.IGNORECASE)

# The large consumer providers, and the Australian internet providers that give mailboxes to households.
_FREE_MAIL_DOMAINS = """
    aapt.net.au adam.com.au aol.com aol.com.au bigpond.com bigpond.com.au bigpond.net.au dodo.com.au duck.com
    exemail.com.au
    fastmail.com fastmail.fm fastmail.com.au gmail.com gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk
    hotmail.com hotmail.com.au hotmail.fr hotmail.it icloud.com iinet.net.au inbox.com internode.on.net iprimus.com.au
    live.co.uk live.com live.com.au mac.com mail.com mail.ru me.com msn.com netspace.net.au optusnet.com.au outlook.com
    outlook.com.au ozemail.com.au pm.me pobox.com proton.me protonmail.com qq.com rediffmail.com rocketmail.com
    spin.net.au telstra.com tpg.com.au tuta.io tutanota.com web.de westnet.com.au xtra.co.nz yahoo.ca yahoo.co.in
    yahoo.co.nz yahoo.co.uk yahoo.com yahoo.com.au yandex.com yandex.ru ymail.com zoho.com 163.com 126.com
"""

# RFC 2142, and the mailboxes that small businesses share.
_ROLE_NAMES = """
    abuse accounting accounts admin administration administrator billing bookings careers compliance contact contactus
    customerservice enquire enquiries enquiry everyone feedback finance frontdesk general hello help helpdesk hostmaster
    hr info information inquiries inquiry jobs legal mail mailer-daemon marketing media news newsletter no-reply noc
    noreply office operations orders payroll people postmaster pr press privacy reception recruitment reservations root
    sales security service services shop spam staff store subscribe support team unsubscribe usenet uucp web webmaster
    welcome www
"""

_FREE_MAIL = frozenset(_FREE_MAIL_DOMAINS.split())
_ROLES = frozenset(_ROLE_NAMES.split())


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def normalise_email(text: str) -> str | None:
    """The one normal form of an address, lower case with an ASCII domain; None if it is no address that can get mail.

    Reserved example domains (RFC 2606) are accepted, since the simulated world lives on them.
    """
    try:
        parts = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{parts.local_part.lower()}@{parts.ascii_domain.lower()}"


def registrable_domain(host_or_email: str) -> str | None:
    """The domain that somebody registered, by the public suffix list: of a host, a web address or an email address.

    ``https://www.acme.com.au/about`` and ``jo@mail.acme.com.au`` give ``acme.com.au``; what has none (a bare suffix, a
    number address, ``localhost``) gives None.
    """
    text = host_or_email.strip().lower().rpartition("://")[2]
    host = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].rstrip(".")
    if not host or host.replace(".", "").isdigit():
        return None
    try:
        ascii_host = host.encode("idna").decode()
    except UnicodeError:
        return None
    found: str | None = _suffixes().privatesuffix(ascii_host)
    return found


def is_free_mail(domain: str) -> bool:
    """Whether a domain gives mailboxes to anybody, so that it names no company."""
    return domain.strip().lower().rstrip(".") in _FREE_MAIL


def is_role_address(email: str) -> bool:
    """Whether an address belongs to a function (``info@``, ``sales@``) and not to a person."""
    local = email.strip().lower().partition("@")[0]
    return local.partition("+")[0] in _ROLES


def linkedin_profile(address: str | None) -> str | None:
    """The one form of a LinkedIn profile, so that two leads of one person are known as such; None for no profile."""
    found = _LINKEDIN.match(address or "")
    return f"https://www.linkedin.com/in/{found[1].lower()}" if found is not None else None
