"""Messages to the people of the sandbox's Twilio, each known by how its owner answers."""

from __future__ import annotations

from datetime import datetime, timedelta

from agency_os.integrations.twilio import OutgoingSms
from agency_os_sandbox.providers.twilio_people import Reply, is_reachable, reply_of
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import SEED

BASE = f"{HOST}/twilio"
ACCOUNT = "AC" + "0" * 32
OURS = "+61480000000"
SERVICE = "MG" + "0" * 32
CALLBACK = "https://hooks.example.com/webhooks/twilio?touch=t-1"


def mobiles() -> list[str]:
    return [f"+61491{number:06d}" for number in range(570000, 571000)]


def someone(*, stops: bool | None = None, reachable: bool = True) -> str:
    """A number whose owner answers the first message by STOP, by other words, or (None) not at all."""

    def fits(reply: Reply | None) -> bool:
        return reply is None if stops is None else reply is not None and reply.is_stop is stops

    return next(each for each in mobiles() if is_reachable(SEED, each) is reachable and fits(reply_of(SEED, each, 0)))


QUIET = someone()


def sms(
    to: str = QUIET, body: str = "Hello – a question?", sender: str = OURS, callback: str | None = None
) -> OutgoingSms:
    return OutgoingSms(to, sender, body, callback)


def later(wire: Wire, **span: float) -> datetime:
    moment = wire.sandbox.clock.now + timedelta(**span)
    wire.sandbox.clock.advance(moment)
    return moment
