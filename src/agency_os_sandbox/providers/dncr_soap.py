"""The washing service's SOAP 1.1 from the server's side: requests read, answers, faults and the WSDL written.

The WSDL's parts are as ACMA publishes them. It declares the returned documents as untyped XML: the tree of WashNumbers
is the one that callers of the real service have been seen to read, the elements SystemCode and AccountBalance are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml import ElementTree

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
ENCODING: Final = "http://schemas.xmlsoap.org/soap/encoding/"
TARGET: Final = "http://rtw.dncrtelem"
_NAMESPACES: Final = (
    f'xmlns:soapenv="{SOAP}" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
_ACCOUNT: Final = ("TelemarketerId", "WashOnlyUserId", "TelemarketerPassword")
PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "GetAccountBalance": _ACCOUNT,
    "WashNumbers": (*_ACCOUNT, "ClientReferenceId", "NumbersToWash"),
    "GetWashResult": (*_ACCOUNT, "ClientReferenceId"),
}
"""The operations and their parameters in the WSDL's order."""


class MalformedError(ValueError):
    """The request is no envelope that the service understands; the words stand in its fault."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the operation, its texts by name, and the numbers to wash."""

    operation: str
    texts: Mapping[str, str]
    numbers: tuple[str, ...]

    def text(self, name: str) -> str:
        """A parameter, stripped; empty when missing."""
        return self.texts.get(name, "").strip()


def read_request(body: bytes) -> Asked:
    """The request in ``body``. Raises MalformedError."""
    try:
        root: Element = ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:
        raise MalformedError("the request is no XML") from error
    content = root.find(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else None
    if content is None or len(content) != 1:
        raise MalformedError("the request is no SOAP 1.1 envelope with one operation")
    namespace, _, operation = str(content[0].tag)[1:].partition("}")
    if namespace != TARGET or operation not in PARAMETERS:
        raise MalformedError("no such operation")
    named = {str(each.tag): each for each in content[0]}
    if unknown := set(named) - set(PARAMETERS[operation]):
        raise MalformedError(f"no such parameter: {min(unknown)}")
    numbers = tuple((each.text or "") for each in named.pop("NumbersToWash", ()))
    return Asked(operation, {name: each.text or "" for name, each in named.items()}, numbers)


def reply(operation: str, code: int, inner: str = "") -> str:
    """The document that answers ``operation``; ``inner`` is XML."""
    return _envelope(
        f'<ns1:{operation}Response xmlns:ns1="{TARGET}" soapenv:encodingStyle="{ENCODING}">'
        f"<{operation}Return><SystemCode>{code}</SystemCode>{inner}</{operation}Return></ns1:{operation}Response>"
    )


def marked(numbers: Sequence[tuple[str, str]]) -> str:
    """Numbers with their letters, as callers of the real service have been seen to read them."""
    each = "".join(
        f'<Number Result={quoteattr(letter)} ErrorCode="0">{escape(number)}</Number>' for number, letter in numbers
    )
    return f"<NumbersSubmitted>{each}</NumbersSubmitted>"


def fault(words: str, code: str = "soapenv:Server.userException") -> str:
    """The one fault that the WSDL names, CFCInvocationException: an empty type; it arrives with HTTP 500."""
    return _envelope(
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{escape(words)}</faultstring>"
        '<detail><ns1:fault xmlns:ns1="http://rpc.xml.coldfusion" xsi:type="ns1:CFCInvocationException"/></detail>'
        "</soapenv:Fault>"
    )


def wsdl(address: str) -> str:
    """The service's description, for this address."""
    messages = "".join(_messages(operation, names) for operation, names in PARAMETERS.items())
    ports = "".join(
        f'<wsdl:operation name="{name}" parameterOrder="{" ".join(parameters)}">'
        f'<wsdl:input message="impl:{name}Request" name="{name}Request"/>'
        f'<wsdl:output message="impl:{name}Response" name="{name}Response"/>'
        '<wsdl:fault message="impl:CFCInvocationException" name="CFCInvocationException"/></wsdl:operation>'
        for name, parameters in PARAMETERS.items()
    )
    bindings = "".join(_binding(name) for name in PARAMETERS)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:impl="{TARGET}"'
        ' xmlns:wsdlsoap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:apachesoap="http://xml.apache.org/xml-soap" xmlns:tns1="http://rpc.xml.coldfusion"'
        f' targetNamespace="{TARGET}">{messages}<wsdl:message name="CFCInvocationException">'
        '<wsdl:part name="fault" type="tns1:CFCInvocationException"/></wsdl:message>'
        f'<wsdl:portType name="Washing">{ports}</wsdl:portType>'
        '<wsdl:binding name="washing.cfcSoapBinding" type="impl:Washing">'
        f'<wsdlsoap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>{bindings}</wsdl:binding>'
        '<wsdl:service name="WashingService"><wsdl:port binding="impl:washing.cfcSoapBinding" name="washing.cfc">'
        f"<wsdlsoap:address location={quoteattr(address)}/></wsdl:port></wsdl:service></wsdl:definitions>\n"
    )


def _messages(operation: str, names: Sequence[str]) -> str:
    parts = "".join(
        f'<wsdl:part name="{name}" type="{"impl:ArrayOf_xsd_anyType" if name == "NumbersToWash" else "xsd:string"}"/>'
        for name in names
    )
    return (
        f'<wsdl:message name="{operation}Request">{parts}</wsdl:message>'
        f'<wsdl:message name="{operation}Response">'
        f'<wsdl:part name="{operation}Return" type="apachesoap:Document"/></wsdl:message>'
    )


def _binding(operation: str) -> str:
    thrown = "CFCInvocationException"
    style = f'encodingStyle="{ENCODING}" namespace="{TARGET}" use="encoded"'
    return (
        f'<wsdl:operation name="{operation}"><wsdlsoap:operation soapAction=""/>'
        f'<wsdl:input name="{operation}Request"><wsdlsoap:body {style}/></wsdl:input>'
        f'<wsdl:output name="{operation}Response"><wsdlsoap:body {style}/></wsdl:output>'
        f'<wsdl:fault name="{thrown}"><wsdlsoap:fault name="{thrown}" {style}/></wsdl:fault>'
        "</wsdl:operation>"
    )


def _envelope(content: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f"<soapenv:Envelope {_NAMESPACES}><soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>\n"
    )
