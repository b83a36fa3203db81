"""What makes two companies the same one: the registrable domain, never a free-mail one, else the normalised name."""

from __future__ import annotations

import re

from agency_os.kit.addresses import is_free_mail, registrable_domain

_LEGAL_FORM = re.compile(r" (?:pty ltd|pty limited|ltd|limited|group|inc|llc)$")


def company_key(domain: str | None, name: str | None, email: str | None = None) -> str | None:
    """The key of a company; None where nothing names it.

    ``domain`` may be a host or a web address; an ``email`` at a company's own domain names it as well.
    """
    for address in (domain, email):
        found = registrable_domain(address) if address else None
        if found is not None and not is_free_mail(found):
            return found
    return normalised_name(name) if name else None


def normalised_name(name: str) -> str | None:
    """Lower-case words without punctuation and legal form: "Harbour & Co. Pty. Ltd." is "harbour co"."""
    words = re.sub(r"\W+", " ", name.casefold()).strip()
    return _LEGAL_FORM.sub("", words) or None
