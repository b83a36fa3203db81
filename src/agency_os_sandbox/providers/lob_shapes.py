"""The shapes of what Lob answers and tells: pieces with their scans so far, verifications, events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agency_os_sandbox.clock import parse
from agency_os_sandbox.world.chance import token

_SCANS = {
    "mailed": "Mailed",
    "in_transit": "In Transit",
    "in_local_area": "In Local Area",
    "processed_for_delivery": "Processed for Delivery",
    "delivered": "Delivered",
    "returned_to_sender": "Returned to Sender",
}
_PLURALS = {"postcard": "postcards", "letter": "letters"}
_DELIVERY_TIME = timedelta(days=6)
_DPV = {
    "deliverable": "Y",
    "deliverable_unnecessary_unit": "S",
    "deliverable_incorrect_unit": "S",
    "deliverable_missing_unit": "D",
    "undeliverable": "N",
}


def show_piece(piece: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A postcard or letter as it stands at ``now``."""
    asked, kind, created = piece["asked"], piece["kind"], parse(piece["created"])
    scans = [_scan(piece, name, parse(at)) for name, at in piece["scans"] if parse(at) <= now]
    shown: dict[str, Any] = {
        "id": piece["id"],
        "object": kind,
        "description": asked.get("description"),
        "metadata": asked.get("metadata") or {},
        "to": _address(piece, "to", created),
        "from": _address(piece, "from", created) if asked.get("from") else None,
        "url": _link(piece),
        "carrier": "USPS",
        "thumbnails": [],
        "merge_variables": asked.get("merge_variables"),
        "expected_delivery_date": (parse(piece["prints"]) + _DELIVERY_TIME).date().isoformat(),
        "date_created": instant(created),
        "date_modified": instant(created),
        "send_date": instant(parse(piece["prints"])),
        "mail_type": asked.get("mail_type", "usps_first_class"),
        "use_type": asked["use_type"],
        "fsc": False,
        "status": "rendered" if now > created else "processed",
        "tracking_events": scans,
    }
    if piece["deleted"]:
        shown["deleted"] = True
    if kind == "postcard":
        return {**shown, "size": asked.get("size", "4x6"), "front_template_id": None, "back_template_id": None}
    return {
        **shown,
        "color": asked["color"] in (True, "true"),
        "double_sided": asked.get("double_sided", True) in (True, "true"),
        "address_placement": asked.get("address_placement", "top_first_page"),
        "return_envelope": False,
        "perforated_page": None,
        "custom_envelope": None,
    }


def event_body(piece: Mapping[str, Any], event: str, event_id: str, at: datetime) -> str:
    """The payload of ``postcard.<event>`` or ``letter.<event>``: the piece as it stands then."""
    kind = piece["kind"]
    event_type = {
        "id": f"{kind}.{event}",
        "enabled_for_test": event not in _SCANS,
        "resource": _PLURALS[kind],
        "object": "event_type",
    }
    body = {
        "id": event_id,
        "body": show_piece(piece, at),
        "reference_id": piece["id"],
        "event_type": event_type,
        "date_created": instant(at),
        "object": "event",
    }
    return json.dumps(body, ensure_ascii=False)


def show_verification(asked: Mapping[str, Any], word: str | None) -> dict[str, Any]:
    """A verification; ``word`` None is the empty one that a test key gets."""
    line, code = str(asked["primary_line"]), str(asked.get("zip_code") or "")
    city, state = str(asked.get("city") or "").upper(), str(asked.get("state") or "").upper()[:2]
    found = word is not None and word != "undeliverable"
    number, _, street = line.partition(" ")
    if found and not code:
        code = _digits(line + city, 5)
    return {
        "id": f"us_ver_{token('lob verification', line, code)[:13]}",
        "object": "us_verification",
        "recipient": asked.get("recipient") if word is not None else "TEST KEYS DO NOT VERIFY ADDRESSES",
        "primary_line": line.upper() if word is not None else "",
        "secondary_line": str(asked.get("secondary_line") or "").upper() if word is not None else "",
        "urbanization": "",
        "last_line": f"{city} {state} {code}".strip() if word is not None else "",
        "deliverability": word,
        "valid_address": found,
        "components": _components(number if found else "", street.upper() if found else "", city, state, code),
        "deliverability_analysis": _analysis(_DPV.get(word or "", "")),
        "lob_confidence_score": {"score": 100 if found else None, "level": "high" if found else ""},
    }


def instant(moment: datetime) -> str:
    """A time as Lob writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _scan(piece: Mapping[str, Any], name: str, at: datetime) -> dict[str, Any]:
    return {
        "id": f"evnt_{token(piece['id'], 'scan', name)[:15]}",
        "type": "normal",
        "name": _SCANS[name],
        "details": None,
        "location": None if name == "mailed" else str(piece["asked"]["to"]["address_zip"])[:5],
        "time": instant(at),
        "date_created": instant(at),
        "date_modified": instant(at),
        "object": "tracking_event",
    }


def _address(piece: Mapping[str, Any], role: str, created: datetime) -> dict[str, Any]:
    given = piece["asked"][role]
    optional = {name: given.get(name) or None for name in ("description", "name", "company", "phone", "email")}
    return {
        "id": f"adr_{token(piece['id'], role)[:16]}",
        "object": "address",
        **optional,
        "address_line1": str(given["address_line1"]).upper(),
        "address_line2": str(given["address_line2"]).upper() if given.get("address_line2") else None,
        "address_city": str(given["address_city"]).upper(),
        "address_state": str(given["address_state"]).upper(),
        "address_zip": str(given["address_zip"]),
        "address_country": "UNITED STATES",
        "metadata": {},
        "date_created": instant(created),
        "date_modified": instant(created),
    }


def _link(piece: Mapping[str, Any]) -> str:
    """A signed link as Lob's examples show it; it leads nowhere."""
    expires = int((parse(piece["created"]) + timedelta(days=30)).timestamp())
    folder = _PLURALS[piece["kind"]]
    signature = token(piece["id"], "link")
    return f"https://lob-assets.com/{folder}/{piece['id']}.pdf?version=v1&expires={expires}&signature={signature}"


def _components(number: str, street: str, city: str, state: str, code: str) -> dict[str, Any]:
    return {
        "primary_number": number,
        "street_predirection": "",
        "street_name": street,
        "street_suffix": "",
        "street_postdirection": "",
        "secondary_designator": "",
        "secondary_number": "",
        "pmb_designator": "",
        "pmb_number": "",
        "extra_secondary_designator": "",
        "extra_secondary_number": "",
        "city": city,
        "state": state,
        "zip_code": code[:5] or None,
        "zip_code_plus_4": (code[6:] or _digits(number + street + code, 4)) if number else None,
        "zip_code_type": "standard" if number else "",
        "delivery_point_barcode": "",
        "address_type": "commercial" if number else "",
        "record_type": "street" if number else "",
        "default_building_address": False,
        "county": "",
        "county_fips": _digits(state + code, 5) if number else None,
        "carrier_route": "",
        "carrier_route_type": "city_delivery" if number else None,
        "po_box_only_flag": "N" if number else "",
        "latitude": None,
        "longitude": None,
    }


def _digits(about: str, count: int) -> str:
    """So many digits, always the same for the same address: the sandbox has no directory of the post's codes."""
    return f"{int(token('lob digits', about), 16) % 10**count:0{count}d}"


def _analysis(confirmation: str) -> dict[str, Any]:
    matched = confirmation in ("Y", "S", "D")
    no = "N" if matched else ""
    return {
        "dpv_confirmation": confirmation,
        "dpv_cmra": no,
        "dpv_vacant": no,
        "dpv_active": "Y" if matched else "",
        "dpv_inactive_reason": "",
        "dpv_throwback": no,
        "dpv_non_delivery_day_flag": no,
        "dpv_non_delivery_day_values": "",
        "dpv_no_secure_location": no,
        "dpv_door_not_accessible": no,
        "dpv_footnotes": ["AA", "BB"] if confirmation == "Y" else [],
        "ews_match": False,
        "lacs_indicator": "",
        "lacs_return_code": "",
        "suite_return_code": "",
    }
