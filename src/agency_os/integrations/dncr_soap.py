"""The washing service's envelopes: SOAP 1.1, rpc/encoded, written by hand and read without trust.

What goes out follows the published WSDL (``washing.cfc?wsdl``). What comes back is declared there as an untyped XML
document, so it is read by local names, wherever they stand and whatever their case; a name that contradicts another,
or a value of another form, makes the whole answer unreadable, which is never a permission to call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import ElementTree

from agency_os.exceptions import InvalidInputError

HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "text/xml; charset=utf-8",
    "Accept": "text/xml",
    "SOAPAction": '""',
}
"""The WSDL's SOAPAction is empty; SOAP 1.1 (6.1.1) writes that as two quotation marks."""

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_ENCODING: Final = "http://schemas.xmlsoap.org/soap/encoding/"
_OPENING: Final = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    f'<soapenv:Envelope xmlns:soapenv="{_SOAP}"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    f' xmlns:soapenc="{_ENCODING}" xmlns:rtw="http://rtw.dncrtelem">'
)
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODE_NAMES: Final = frozenset({"systemcode", "errorcode"})
_WHOLE: Final = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """A ``soapenv:Fault``: its code and words, empty where it has none."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class MarkedNumber:
    """One ``Number`` of an answer as it stands there: its text and attributes, None where one is missing."""

    text: str
    result: str | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable answer. ``code`` is the system code, None where the answer has none; ``balance`` is in credits."""

    fault: Fault | None
    code: int | None = None
    numbers: tuple[MarkedNumber, ...] = ()
    balance: int | None = None


def envelope(operation: str, parameters: Mapping[str, str], numbers: Sequence[str] = ()) -> bytes:
    """The request: ``parameters`` in the WSDL's order, then the numbers to wash, if any.

    Raises InvalidInputError for characters that XML 1.0 cannot carry.
    """
    parts = [f'<{name} xsi:type="xsd:string">{_text(name, value)}</{name}>' for name, value in parameters.items()]
    if numbers:
        items = "".join(f'<Number xsi:type="xsd:string">{_text("Number", each)}</Number>' for each in numbers)
        parts.append(
            f'<NumbersToWash xsi:type="rtw:ArrayOf_xsd_anyType" soapenc:arrayType="xsd:anyType[{len(numbers)}]">'
            f"{items}</NumbersToWash>"
        )
    return (
        f"{_OPENING}<soapenv:Header/><soapenv:Body>"
        f'<rtw:{operation} soapenv:encodingStyle="{_ENCODING}">{"".join(parts)}</rtw:{operation}>'
        "</soapenv:Body></soapenv:Envelope>\n"
    ).encode()


def read_reply(body: bytes, operation: str) -> Reply:
    """The answer to ``operation``. Raises ValueError, whose words name what is wrong and show nothing of the body."""
    content = _soap_body(body)
    if (fault := _fault(content)) is not None:
        return Reply(fault)
    if not any(_name(each) == f"{operation}Response".lower() for each in content):
        raise ValueError(f"no {operation}Response")
    numbers = [each for each in content.iter() if _name(each) == "number"]
    within = {id(part) for number in numbers for part in number.iter()}
    others = [each for each in content.iter() if id(each) not in within]
    return Reply(None, _system_code(others), tuple(_marked(each) for each in numbers), _balance(others))


def read_fault(body: bytes) -> Fault | None:
    """The fault in an answer that is none of success; None where it holds no readable one."""
    try:
        return _fault(_soap_body(body))
    except ValueError:
        return None


def _text(name: str, value: str) -> str:
    if _NOT_IN_XML.search(value):
        raise InvalidInputError(f"{name} holds a character that XML cannot carry", field=name)
    return escape(value)


def _soap_body(body: bytes) -> Element:
    try:
        root: Element = ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):  # not well-formed; a DTD; an encoding that nobody knows
        raise ValueError("no XML") from None
    if root.tag != f"{{{_SOAP}}}Envelope" or (found := root.find(f"{{{_SOAP}}}Body")) is None:
        raise ValueError("no SOAP envelope")
    return found


def _fault(content: Element) -> Fault | None:
    found = content.find(f"{{{_SOAP}}}Fault")
    if found is None:
        return None
    said = {_name(each): "".join(each.itertext()).strip() for each in found}
    return Fault(said.get("faultcode", ""), said.get("faultstring", ""))


def _name(element: Element) -> str:
    """The local name in lower case; comments and processing instructions have none."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _values(elements: Sequence[Element]) -> Iterator[tuple[str, str]]:
    """Every name with its value: attributes, and elements that hold nothing but text."""
    for each in elements:
        for name, value in each.attrib.items():
            yield name.rpartition("}")[2].lower(), value.strip()
        if len(each) == 0:
            yield _name(each), (each.text or "").strip()


def _system_code(elements: Sequence[Element]) -> int | None:
    said = {value for name, value in _values(elements) if name in _CODE_NAMES}
    if not all(_WHOLE.fullmatch(each) for each in said):
        raise ValueError("a system code that is no number")
    codes = {int(each) for each in said}
    failures = codes - {0}
    if len(failures) > 1:
        raise ValueError("more than one system code")
    return next(iter(failures or codes), None)


def _marked(number: Element) -> MarkedNumber:
    said = {name.rpartition("}")[2].lower(): value.strip() for name, value in number.attrib.items()}
    return MarkedNumber((number.text or "").strip(), said.get("result"), said.get("errorcode"))


def _balance(elements: Sequence[Element]) -> int | None:
    said = {value for name, value in _values(elements) if "balance" in name or "credit" in name}
    return int(said.pop()) if len(said) == 1 and all(_WHOLE.fullmatch(each) for each in said) else None
