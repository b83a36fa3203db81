"""A judge for the one provider that speaks SOAP: requests and answers against our description of it.

It knows no code of ours but the description: elements in their order, the types that ``xsi:type`` names (by the
namespace that its prefix stands for), the array's declared length, the form of each number, the published codes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import iterparse

from agency_os.kit.http import HttpRequest, HttpResponse
from tests.support.published import JUDGED, ContractError

DESCRIPTIONS = Path(__file__).resolve().parents[1] / "contract" / "descriptions"


@dataclass(frozen=True)
class Document:
    """Parsed XML with the namespace of each prefix."""

    root: Element
    prefixes: Mapping[str, str]

    def qualified(self, value: str) -> str:
        """``{namespace}name`` of ``prefix:name``."""
        prefix, _, name = value.rpartition(":")
        if prefix not in self.prefixes:
            raise ContractError(f"the prefix {prefix!r} of {value!r} is not declared")
        return f"{{{self.prefixes[prefix]}}}{name}"


@dataclass(frozen=True)
class SoapJudge:
    """One description."""

    described: Mapping[str, Any]

    @classmethod
    def of(cls, name: str) -> SoapJudge:
        """The judge of ``tests/contract/descriptions/NAME.json``."""
        return cls(json.loads((DESCRIPTIONS / f"{name}.json").read_text()))

    def check_request(self, request: HttpRequest) -> str:
        """The operation asked for. Raises ContractError unless headers and envelope are as described."""
        asked, headers = self.described["request"], {name.lower(): value for name, value in request.headers.items()}
        if request.method != asked["method"]["value"]:
            raise ContractError(f"{request.method} instead of {asked['method']['value']}")
        media, _, charset = headers.get("content-type", "").partition("; charset=")
        if (media, charset) != (asked["content_type"]["value"], asked["content_type"]["charset"]):
            raise ContractError(f"the content type is {headers.get('content-type')}")
        if headers.get("soapaction") != asked["soap_action"]["value"]:
            raise ContractError(f"SOAPAction is {headers.get('soapaction')}")
        return self.check_envelope(request.body)

    def check_envelope(self, body: bytes) -> str:
        """As ``check_request``, for the body alone."""
        document, call = self._content(body)
        namespace, operation = _split(call)
        if namespace != self._namespace("target") or operation not in self.described["operations"]:
            raise ContractError(f"{{{namespace}}}{operation} is no operation")
        if call.get(f"{{{self._namespace('envelope')}}}encodingStyle") != self._namespace("encoding"):
            raise ContractError(f"{operation} does not say that it is encoded")
        parameters = self.described["operations"][operation]["parameters"]
        if [each.tag for each in call] != [each["name"] for each in parameters]:
            raise ContractError(f"{operation} has {[each.tag for each in call]}")
        for element, parameter in zip(call, parameters, strict=True):
            self._check_parameter(document, element, parameter)
        JUDGED.add(("Do Not Call Register, washing", operation))
        return operation

    def check_answer(self, request: HttpRequest, response: HttpResponse) -> int | None:
        """The system code, None for a fault. Raises ContractError unless the answer is one to this request."""
        if response.headers.get("content-type", "").partition(";")[0] != "text/xml":
            raise ContractError(f"the answer comes as {response.headers.get('content-type')}")
        if response.status == self.described["fault"]["status"]["value"]:
            self._check_fault(response.body)
            return None
        if response.status != 200:
            raise ContractError(f"{response.status} is not published")
        operation = self.check_envelope(request.body)
        return self._check_reply(operation, request.body, response.body)

    def _check_reply(self, operation: str, asked: bytes, body: bytes) -> int:
        described = self.described["operations"][operation]
        _, reply = self._content(body)
        if _split(reply) != (self._namespace("target"), f"{operation}Response"):
            raise ContractError(f"{reply.tag} answers {operation}")
        if [each.tag for each in reply] != [described["returns"]["element"]]:
            raise ContractError(f"the response holds {[each.tag for each in reply]}")
        code = reply[0].findtext("SystemCode")
        if code is None or int(code) not in described["system_codes"]["values"]:
            raise ContractError(f"{operation} has no system code {code}")
        held = reply[0].findall(described["holds"]["element"])
        if len(held) != (1 if int(code) == 0 else 0):
            raise ContractError(f"code {code} comes with {len(held)} {described['holds']['element']}")
        for each in held:
            self._check_held(operation, asked, each)
        return int(code)

    def _check_held(self, operation: str, asked: bytes, held: Element) -> None:
        if self.described["operations"][operation]["holds"]["element"] != "NumbersSubmitted":
            if not re.fullmatch("[0-9]+", held.text or ""):
                raise ContractError(f"the balance is {held.text}")
            return
        for each in held:
            self._check_marked(each)
        if operation == "WashNumbers":
            sent = [each.text for each in self._content(asked)[1].iter("Number")]
            if sent != [each.text for each in held]:
                raise ContractError("other numbers are marked than were sent")

    def _check_marked(self, number: Element) -> None:
        marks = self.described["marks"]
        known = {marks["result"]["attribute"], marks["error_code"]["attribute"]}
        if number.tag != "Number" or set(number.keys()) != known:
            raise ContractError(f"{number.tag} has {sorted(number.keys())}")
        if number.get(marks["result"]["attribute"]) not in marks["result"]["values"]:
            raise ContractError(f"a number is marked {number.get('Result')}")
        if not re.fullmatch(marks["error_code"]["pattern"], number.get(marks["error_code"]["attribute"], "")):
            raise ContractError("an error code is no number")

    def _check_fault(self, body: bytes) -> None:
        document, fault = self._content(body)
        if fault.tag != f"{{{self._namespace('envelope')}}}Fault":
            raise ContractError(f"{fault.tag} comes with the status of a fault")
        missing = [name for name in self.described["fault"]["required"]["value"] if not fault.findtext(name)]
        if missing:
            raise ContractError(f"the fault has no {missing[0]}")
        if not document.qualified(fault.findtext("faultcode") or "").startswith(f"{{{self._namespace('envelope')}}}"):
            raise ContractError("the faultcode is none of SOAP's")
        detail = self.described["fault"]["detail"]
        kinds = [document.qualified(each.get(self._xsi("type"), "")) for each in fault.findall("detail/*")]
        if kinds != [f"{{{detail['namespace']}}}{detail['type']}"]:
            raise ContractError(f"the fault's detail is {kinds}")

    def _check_parameter(self, document: Document, element: Element, parameter: Mapping[str, Any]) -> None:
        kind = self.described["types"][parameter["type"]]
        if (
            document.qualified(element.get(self._xsi("type"), ""))
            != f"{{{self._namespace(kind['namespace'])}}}{kind['name']}"
        ):
            raise ContractError(f"{element.tag} is of type {element.get(self._xsi('type'))}")
        if parameter["type"] == "array":
            self._check_numbers(document, element, parameter["item"])
        elif len(element) or not re.fullmatch(parameter["pattern"], element.text or "", re.DOTALL):
            raise ContractError(f"{element.tag} is not as described")

    def _check_numbers(self, document: Document, array: Element, item: str) -> None:
        rules, text = self.described["numbers"], self.described["types"]["text"]
        declared = document.qualified(array.get(f"{{{self._namespace('encoding')}}}arrayType", ""))
        if declared != f"{{{self._namespace('schema')}}}anyType[{len(array)}]":
            raise ContractError(f"an array of {len(array)} says that it is {declared}")
        if not 1 <= len(array) <= rules["most_in_a_call"]["value"]:
            raise ContractError(f"{len(array)} numbers in a call")
        for each in array:
            bare = (each.text or "").translate(str.maketrans("", "", rules["separators"]["value"]))
            if each.tag != item or not re.fullmatch(rules["digits"]["pattern"], bare):
                raise ContractError(f"{each.tag} {each.text!r} is no number to wash")
            if document.qualified(each.get(self._xsi("type"), "")) != f"{{{self._namespace('schema')}}}{text['name']}":
                raise ContractError("a number is no text")

    def _content(self, body: bytes) -> tuple[Document, Element]:
        document = _parse(body)
        envelope = self._namespace("envelope")
        parts = [each.tag for each in document.root]
        if document.root.tag != f"{{{envelope}}}Envelope":
            raise ContractError(f"{document.root.tag} is no envelope")
        if parts not in ([f"{{{envelope}}}Header", f"{{{envelope}}}Body"], [f"{{{envelope}}}Body"]):
            raise ContractError(f"the envelope holds {parts}")
        content = document.root[-1]
        if len(content) != 1:
            raise ContractError(f"the body holds {len(content)} elements")
        return document, content[0]

    def _namespace(self, name: str) -> str:
        return str(self.described["namespaces"][name]["value"])

    def _xsi(self, name: str) -> str:
        return f"{{{self._namespace('instance')}}}{name}"


def _parse(body: bytes) -> Document:
    prefixes: dict[str, str] = {}
    try:
        parsing = iterparse(io.BytesIO(body), events=("start-ns",))
        for _, (prefix, namespace) in parsing:
            prefixes[prefix] = namespace
    except ParseError as error:
        raise ContractError(f"no XML: {error}") from error
    return Document(parsing.root, prefixes)


def _split(element: Element) -> tuple[str, str]:
    namespace, _, name = str(element.tag).removeprefix("{").rpartition("}")
    return namespace, name
