"""What a recipient sees in the bytes of a message: links, headers, thread. Nothing else about it is known here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from agency_os_sandbox.world.mail import Mail

BOOKING_PATH = "/cal/book/"
_URL = re.compile(r"https?://[^\s<>\"']+")
_ANGLED = re.compile(r"<\s*(https?://[^>\s]+)\s*>")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The parts of a message that a person can act on. ``step`` counts the ids in References, plus one."""

    step: int
    in_reply_to: str
    booking_link: str | None
    one_click_url: str | None
    reply_to: str
    text: str
    has_html: bool


def read(mail: Mail) -> Reading:
    """Read a message as delivered."""
    text = mail.text or _plain(mail.html)
    in_reply_to = _MESSAGE_ID.findall(mail.header("In-Reply-To"))
    return Reading(
        step=len(_MESSAGE_ID.findall(mail.header("References"))) + 1,
        in_reply_to=in_reply_to[-1] if in_reply_to else "",
        booking_link=_booking_link(mail),
        one_click_url=_one_click(mail),
        reply_to=(mail.reply_to[0] if mail.reply_to else mail.header("Reply-To")) or mail.sender,
        text=text,
        has_html=bool(mail.html),
    )


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine; the world never calls anything else."""
    try:
        return (urlsplit(url).hostname or "") in _LOOPBACK
    except ValueError:
        return False


def _plain(html: str) -> str:
    if not html:
        return ""
    body = LexborHTMLParser(html).body
    return "" if body is None else str(body.text(separator="\n", strip=True))


def _booking_link(mail: Mail) -> str | None:
    candidates = [url.rstrip(".,;:!?)") for url in _URL.findall(mail.text)]
    if BOOKING_PATH in mail.html:
        links = LexborHTMLParser(mail.html).css("a[href]")
        candidates += [unescape(link.attributes.get("href") or "") for link in links]
    return next((url for url in candidates if _is_booking(url)), None)


def _is_booking(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and BOOKING_PATH in parts.path


def _one_click(mail: Mail) -> str | None:
    """RFC 8058: both headers, the second with exactly this value; the first holds an http(s) address."""
    if mail.header("List-Unsubscribe-Post").strip() != "List-Unsubscribe=One-Click":
        return None
    urls: list[str] = _ANGLED.findall(mail.header("List-Unsubscribe"))
    return next((url for url in urls if url.startswith("https://") or is_loopback(url)), None)
