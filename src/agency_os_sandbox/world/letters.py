"""Writes what people write back: body, signature, quoted original, headers, as different mail programs do.

Input: the person, the message answered, the kind. Promises: a pure function of its arguments; the reply goes to the
Reply-To address, keeps the thread's ids, and an absence note carries the headers of RFC 3834.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from html import escape

from agency_os_sandbox.world.behaviour import Act
from agency_os_sandbox.world.chance import pick, token, unit
from agency_os_sandbox.world.mail import Mail
from agency_os_sandbox.world.people import Person
from agency_os_sandbox.world.reading import Reading
from agency_os_sandbox.world.wording import CLOSINGS, GREETINGS, WORDING


@dataclass(frozen=True, slots=True)
class Letter:
    """A reply as it leaves the person's mail program; ``stripped`` is its own text without quote and signature."""

    kind: Act
    message_id: str
    sender_name: str
    sender: str
    to: str
    subject: str
    date: str
    text: str
    html: str
    stripped: str
    headers: tuple[tuple[str, str], ...]


def write(
    seed: int, person: Person, mail: Mail, reading: Reading, kind: Act, at: datetime, back: datetime | None
) -> Letter:
    """Write the reply of this kind; ``back`` is the first day back for an absence note."""
    choice = (seed, person.address, reading.step, kind)
    own = _own_text(person, mail, kind, back, choice)
    automatic = kind is Act.OUT_OF_OFFICE
    signature = _signature(person, choice)
    local = at.astimezone(person.zone)
    quote = "" if automatic or unit(*choice, "quote") < 0.14 else _quote(person, mail, reading)
    text = "\n\n".join(part for part in (own, signature, quote) if part) + "\n"
    message_id = f"<{token(*choice, mail.id)}@{person.address.rpartition('@')[2]}>"
    return Letter(
        kind=kind,
        message_id=message_id,
        sender_name=f"{person.first_name} {person.last_name}",
        sender=person.address,
        to=reading.reply_to,
        subject=_subject(mail.subject, kind, choice),
        date=format_datetime(local),
        text=text,
        html="" if automatic or unit(*choice, "html") < 0.2 else _html(person, mail, own, signature, quote),
        stripped=own if person.mail_client != "outlook" or unit(*choice, "stripped") < 0.6 else "",
        headers=_headers(mail, message_id, person, automatic),
    )


def _own_text(person: Person, mail: Mail, kind: Act, back: datetime | None, choice: tuple[object, ...]) -> str:
    sender_first = (parseaddr(mail.sender)[0].split() or ["there"])[0]
    body = pick(WORDING[kind.value], *choice, "words").format(
        sender=sender_first,
        first=person.first_name,
        company=person.company,
        city=person.city,
        phone=_spaced(person.phone),
        back=_day(back) if back else "",
        back_short=back.strftime("%d/%m/%Y") if back else "",
        colleague=pick(("Sarah", "Tom", "Priya", "Grant", "Mel", "Nick"), *choice, "colleague"),
        mailbox="info@" + person.address.rpartition("@")[2],
    )
    if kind is Act.OUT_OF_OFFICE or unit(*choice, "greeting") < 0.3:
        return body
    greeting = pick(GREETINGS, *choice, "which greeting").format(sender=sender_first)
    return f"{greeting}\n\n{body}"


def _day(back: datetime) -> str:
    return f"{back.strftime('%A')} {back.day} {back.strftime('%B')}"


def _spaced(phone: str) -> str:
    if phone.startswith("04"):
        return f"{phone[:4]} {phone[4:7]} {phone[7:]}"
    return f"({phone[:2]}) {phone[2:6]} {phone[6:]}"


def _signature(person: Person, choice: tuple[object, ...]) -> str:
    if person.mail_client == "iphone" and unit(*choice, "device") < 0.75:
        return f"{person.first_name}\n\nSent from my iPhone"
    if person.mail_client == "android" and unit(*choice, "device") < 0.6:
        return (
            "Get Outlook for Android<https://aka.ms/AAb9ysg>" if unit(*choice, "app") < 0.5 else "Sent from my Galaxy"
        )
    closing = pick(CLOSINGS, *choice, "closing")
    if unit(person.address, "short") < 0.35:
        return f"{closing}\n{person.first_name}"
    lines = [closing, "", f"{person.first_name} {person.last_name}", f"{person.title} | {person.company}"]
    lines.append(f"P {_spaced(person.phone)} | {person.city}")
    if unit(person.address, "disclaimer") < 0.25:
        lines += [
            "",
            "We acknowledge the Traditional Custodians of the land on which we work.",
            "This email is confidential. If you received it in error, please delete it and let us know.",
        ]
    return "\n".join(lines)


def _quote(person: Person, mail: Mail, reading: Reading) -> str:
    sent = mail.accepted_at.astimezone(person.zone)
    name, address = parseaddr(mail.sender)
    original = reading.text.strip()
    if person.mail_client in ("outlook", "android"):
        head = f"From: {name or address} <{address}>\nSent: {sent.strftime('%A, %-d %B %Y %-I:%M %p')}"
        return f"________________________________\n{head}\nTo: {person.address}\nSubject: {mail.subject}\n\n{original}"
    if person.mail_client == "gmail":
        when = sent.strftime("%a, %-d %b %Y at %H:%M")
        intro = f"On {when}, {name or address} <{address}> wrote:"
    else:
        when = sent.strftime("%-d %b %Y, at %-I:%M %p").replace("AM", "am").replace("PM", "pm")
        intro = f"On {when}, {name or address} <{address}> wrote:"
    return intro + "\n\n" + "\n".join("> " + line if line else ">" for line in original.splitlines())


def _html(person: Person, mail: Mail, own: str, signature: str, quote: str) -> str:
    def lines(text: str) -> str:
        return escape(text).replace("\n", "<br>")

    body = f'<div dir="ltr">{lines(own)}<br><br>{lines(signature)}</div>'
    if quote:
        intro = quote.split("\n\n", 1)[0]
        original = mail.html or lines(mail.text)
        if person.mail_client in ("outlook", "android"):
            body += f'<hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg">{lines(intro)}</div>{original}'
        else:
            body += (
                f'<br><div class="gmail_quote"><div class="gmail_attr">{lines(intro)}<br></div>'
                f'<blockquote class="gmail_quote" type="cite">{original}</blockquote></div>'
            )
    return f"<html><body>{body}</body></html>"


def _subject(subject: str, kind: Act, choice: tuple[object, ...]) -> str:
    plain = subject[4:] if subject.lower().startswith("re: ") else subject
    if kind is Act.OUT_OF_OFFICE:
        kinds = ("Automatic reply", "Out of office", "Auto-reply", "Out of Office AutoReply")
        return f"{pick(kinds, *choice, 'subject')}: {plain}"
    return f"{pick(('Re: ', 'Re: ', 'RE: '), *choice, 'subject')}{plain}"


def _headers(mail: Mail, message_id: str, person: Person, automatic: bool) -> tuple[tuple[str, str], ...]:
    references = f"{mail.header('References')} {mail.message_id}".strip()
    headers = [
        ("Message-ID", message_id),
        ("In-Reply-To", mail.message_id),
        ("References", references),
        ("MIME-Version", "1.0"),
        ("Received-SPF", "Pass"),
        ("X-Spam-Status", "No"),
        ("X-Spam-Score", "-0.1"),
    ]
    if automatic:
        headers += [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")]
        if person.mail_client == "gmail":
            headers += [("Precedence", "bulk"), ("X-Autoreply", "yes")]
    return tuple(headers)
