"""The words of a message: templates filled with stored facts, the lawful footer, links, threading headers.

Input: a template, what is known of the lead, who sends, and the touch's links. Promises: only stored facts are filled
in (an unknown one is an error, never a guess), every commercial message names its sender and carries a link and the
headers to unsubscribe by (Spam Act 2003 s 17 and 18; RFC 8058), and equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from jinja2 import StrictUndefined, TemplateError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agency_os.exceptions import InvalidInputError

MAX_SUBJECT: Final = 200
MAX_BODY: Final = 20_000

TEMPLATE_FIELDS: Final = frozenset(
    "first_name last_name title company industry state domain sender_name sender_first_name agency offer "
    "value_proposition website booking_link".split()
)
"""What a template may name; `engines/content.py` fills exactly these."""

ANSWER_BODY: Final = """\
Hi {{ first_name | default("there") }},

Thanks for getting back to me. You can pick whatever time suits you here:

{{ booking_link }}

If none of those work, reply with a time that does and I will make it happen.

{{ sender_first_name }}
"""
"""The one automatic answer: the approved booking link and nothing that could be wrong (invariant 17)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks: a person of the agency with the address that the message comes from."""

    name: str
    email: str
    agency: str
    abn: str | None
    postal_address: str


@dataclass(frozen=True, slots=True)
class Thread:
    """What a message answers: its Message-ID and the ids before it, oldest first, with their angle brackets."""

    message_id: str
    references: str
    subject: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished message without its addresses."""

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]


class TemplateFaultError(InvalidInputError):
    """A template cannot be filled for this lead; the text says which part."""

    code = "template_fault"


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    # Plain text: nothing to escape here; the HTML is made from the finished text.
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)


def fill(template: str, values: Mapping[str, str]) -> str:
    """``template`` filled with ``values``. Raises TemplateFaultError for a fact that is not known, or broken syntax."""
    try:
        text = _environment().from_string(template).render(values)
    except UndefinedError as error:
        raise TemplateFaultError(f"the template needs what is not known of this lead: {error.message}") from None
    except TemplateError as error:
        raise TemplateFaultError(f"the template cannot be read: {error.message}") from None
    # A sandboxed template may still call what does not exist, or multiply text without end.
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise TemplateFaultError(f"the template cannot be filled: {error}") from None
    return text


def template_fault(template: str) -> str | None:
    """What is wrong with a template, whomever it is filled for; None if nothing is."""
    try:
        named = meta.find_undeclared_variables(_environment().parse(template))
    except TemplateError as error:
        return f"the template cannot be read: {error.message}"
    except RecursionError:
        return "the template is nested too deep"
    unknown = sorted(named - TEMPLATE_FIELDS)
    if unknown:
        return f"no field {', '.join(unknown)[:200]}: there are {', '.join(sorted(TEMPLATE_FIELDS))}"
    return None


def booking_link(booking_url: str, token: str) -> str:
    """The booking page with the touch's token, which Cal.com hands back as ``metadata.token`` of the booking."""
    joint = "&" if urlsplit(booking_url).query else "?"
    return f"{booking_url}{joint}{urlencode({'metadata[token]': token})}"


def write_letter(
    *,
    subject: str | None,
    body: str,
    values: Mapping[str, str],
    sender: Sender,
    unsubscribe_url: str,
    thread: Thread | None,
) -> Letter:
    """A message: filled body, footer, headers; in a thread it keeps the thread's subject with ``Re: ``.

    Raises TemplateFaultError when the template cannot be filled, or the result is empty or too long.
    """
    words = fill(body, values).strip()
    headline = _reply_subject(thread.subject) if thread is not None else " ".join(fill(subject or "", values).split())
    if not words or not headline:
        raise TemplateFaultError("the message has no text" if headline else "the message has no subject")
    if len(headline) > MAX_SUBJECT or len(words) > MAX_BODY:
        raise TemplateFaultError(f"a subject has at most {MAX_SUBJECT} characters, a body {MAX_BODY:,}")
    footer = _footer(sender, unsubscribe_url)
    return Letter(
        subject=headline,
        text=f"{words}\n\n-- \n{footer}\n",
        html=_html(words, footer),
        headers=_headers(unsubscribe_url, thread),
    )


def _reply_subject(subject: str) -> str:
    plain = " ".join(subject.split())
    return plain if plain.lower().startswith("re:") else f"Re: {plain}"


def _footer(sender: Sender, unsubscribe_url: str) -> str:
    who = ", ".join(part for part in (sender.name, sender.agency) if part)
    abn = f" (ABN {sender.abn})" if sender.abn else ""
    return f"{who}{abn}\n{sender.postal_address}\nPrefer not to hear from us? Unsubscribe: {unsubscribe_url}"


def _headers(unsubscribe_url: str, thread: Thread | None) -> dict[str, str]:
    headers = {
        "List-Unsubscribe": f"<{unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if thread is not None:
        headers["In-Reply-To"] = thread.message_id
        headers["References"] = f"{thread.references} {thread.message_id}".strip()
    return headers


def _html(words: str, footer: str) -> str:
    paragraphs = "".join(f"<p>{_inline(part)}</p>" for part in words.split("\n\n") if part.strip())
    small = f'<p style="color:#666;font-size:12px">{_inline(footer)}</p>'
    return f"<!doctype html><html><body>{paragraphs}{small}</body></html>"


def _inline(text: str) -> str:
    lines = text.strip().split("\n")
    return "<br>".join(" ".join(_word(word) for word in line.split(" ")) for line in lines)


def _word(word: str) -> str:
    if word.startswith(("https://", "http://")):
        return f'<a href="{escape(word)}">{escape(word)}</a>'
    return escape(word, quote=False)
