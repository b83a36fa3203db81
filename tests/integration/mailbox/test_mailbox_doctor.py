"""What the doctor says of mailboxes: by logging in, without sending, reading or telling anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os.stack.diagnosis import Part
from agency_os.stack.doctor import examine
from tests.support.mail_servers import PASSWORD, MailServers
from tests.support.wire import answer

pytestmark = pytest.mark.needs("dovecot")


class Silent:
    """Answers for everything else."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        return answer(404, {"asked": request.url})

    async def aclose(self) -> None:
        pass


async def told(tmp_path: Path, content: object) -> dict[str, Part]:
    file = tmp_path / "mailboxes.json"
    file.write_text(json.dumps(content))
    parts = await examine({"MAILBOXES_FILE": str(file), "AGENCY_OS_STATE": str(tmp_path)}, Silent())
    return {part.name: part for part in parts if part.name.lower().startswith("mailbox")}


def entry(mail: MailServers, address: str, **other: Any) -> dict[str, Any]:
    return {
        "address": address,
        "password": PASSWORD,
        "smtp": {"host": "localhost", "port": mail.smtps},
        "imap": {"host": "localhost", "port": mail.imap, "security": "starttls"},
        "ca_file": str(mail.ca_file),
        **other,
    }


async def test_each_mailbox_is_logged_in_to(mail: MailServers, tmp_path: Path) -> None:
    well, lost = entry(mail, "ann@agency.test"), entry(mail, "bea@agency.test", password="wrong-secret")
    foldered = entry(mail, "cal@filed.test", sent_folder="Nowhere")
    found = await told(tmp_path, {"mailboxes": [well, lost, foldered]})
    assert set(found) == {f"mailbox {each['address']}" for each in (well, lost, foldered)}
    ann, bea, cal = found.values()
    assert (ann.is_configured, ann.is_reachable, ann.todo) == (True, True, "")
    assert ann.address == f"localhost:{mail.smtps}, localhost:{mail.imap}"
    assert (bea.is_reachable, "535" in bea.todo) == (False, True)
    assert "Nowhere" in cal.todo
    said = json.dumps([part.to_json() for part in found.values()])
    assert "wrong-secret" not in said
    assert PASSWORD not in said
    assert mail.messages("ann@agency.test", ".Sent") == []


async def test_a_faulty_file_is_told(tmp_path: Path) -> None:
    found = await told(tmp_path, {"mailboxes": [{"address": "ann"}]})
    assert "mailboxes[0].address" in found["Mailboxes"].todo


async def test_without_a_file_there_is_a_hint(tmp_path: Path) -> None:
    own = {"AGENCY_OS_STATE": str(tmp_path), "RESEND_API_KEY": "re_x"}
    parts = await examine(own, Silent())
    (part,) = [part for part in parts if part.name == "Mailboxes"]
    assert (part.is_configured, part.is_well, part.hint) == (False, True, "MAILBOXES_FILE would connect them")
