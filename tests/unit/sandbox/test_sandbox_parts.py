"""Clock, faults, outbox, signatures, links: the small parts that everything stands on."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import IntegrityError
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from svix.webhooks import Webhook, WebhookVerificationError

from agency_os_sandbox.clock import ClockError, VirtualClock, parse, stamp, wall_now
from agency_os_sandbox.faults import FaultRuleError, Rule
from agency_os_sandbox.outbox import Parcel
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt, SecretError, Secrets
from agency_os_sandbox.store import StateError, Store
from agency_os_sandbox.world.behaviour import Act
from agency_os_sandbox.world.visits import choose_slot, open_slots, read_link
from tests.factories.sandbox import MONDAY_NINE, SECRETS, World, message, people_who

NEXT = MONDAY_NINE + timedelta(hours=1)


def parcel(provider: str = "resend", n: int = 1, lane: str = "a@b.example") -> Parcel:
    return Parcel(provider, "email.sent", f"msg_{n}", lane, "/webhooks/resend", json.dumps({"n": n}))


class TestClock:
    def test_it_never_goes_back(self, world: World) -> None:
        with pytest.raises(ClockError, match="forward only"):
            world.clock.advance(MONDAY_NINE - timedelta(seconds=1))

    def test_it_is_kept_over_a_restart_and_the_start_counts_once(self, world: World) -> None:
        world.clock.advance(NEXT)
        assert VirtualClock(world.store, MONDAY_NINE).now == NEXT

    @pytest.mark.parametrize(
        "text", ["", "yesterday", "2026-03-02T09:00:00", "0001-01-01T00:00:00+11:00", "9999-12-31T00:00Z"]
    )
    def test_a_time_without_sense_is_refused(self, text: str) -> None:
        with pytest.raises(ClockError):
            parse(text)

    def test_written_times_sort_as_times_do(self) -> None:
        moments = [MONDAY_NINE, MONDAY_NINE + timedelta(microseconds=1), NEXT]
        assert sorted(map(stamp, reversed(moments))) == [stamp(moment) for moment in moments]


class TestStore:
    def test_a_folder_serves_one_process(self, world: World) -> None:
        with pytest.raises(StateError, match="another sandbox is using"):
            Store(world.folder)

    def test_the_state_of_another_version_is_refused(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        store.set_meta("schema_version", "0")
        store.close()
        with pytest.raises(StateError, match="another version"):
            Store(tmp_path)

    def test_an_inner_transaction_falls_with_the_outer_one(self, world: World) -> None:
        rows = [("a", "1"), ("a", "2")]
        with pytest.raises(IntegrityError), world.store.transaction():
            world.store.execute_many("INSERT INTO meta (key, value) VALUES (?, ?)", rows)
        assert world.store.get_meta("a") is None


class TestFaults:
    @pytest.mark.parametrize(
        "rule", [None, {}, {"kind": "gremlin"}, {"kind": "500", "nth": 0}, {"kind": "500", "probability": 2}]
    )
    def test_a_rule_without_sense_is_refused(self, rule: Any) -> None:
        with pytest.raises(FaultRuleError):
            Rule.read(rule)

    def test_the_nth_request_is_struck_and_no_other(self, world: World) -> None:
        world.fail({"provider": "resend", "operation": "emails.batch", "kind": "500", "nth": [2]})
        struck = [world.faults.strike("resend", ("emails.batch",)) is not None for _ in range(3)]
        assert struck == [False, True, False]

    def test_a_webhooks_fault_strikes_no_request(self, world: World) -> None:
        world.fail({"kind": "duplicated"})
        assert world.faults.strike("resend", ("emails.batch",)) is None
        assert world.faults.strike("resend", ("email.sent",), webhook=True) is not None


class TestOutbox:
    def test_a_duplicated_webhook_goes_out_twice_under_one_id(self, world: World) -> None:
        world.fail({"provider": "resend", "kind": "duplicated", "nth": 1})
        world.outbox.put(parcel(), MONDAY_NINE)
        world.outbox.put(parcel(n=2), MONDAY_NINE)
        assert [each["event_id"] for each in world.parcels("resend")] == ["msg_1", "msg_1", "msg_2"]

    def test_a_late_webhook_waits_for_virtual_time(self, world: World) -> None:
        world.fail({"provider": "resend", "kind": "late", "seconds": 3600})
        world.outbox.put(parcel(), MONDAY_NINE)
        assert world.outbox.counts(MONDAY_NINE).undelivered == 0
        assert (world.outbox.counts(NEXT).undelivered, world.outbox.next_due(MONDAY_NINE)) == (1, stamp(NEXT))

    def test_what_falls_due_later_is_found_although_newer_rows_were_read(self, world: World) -> None:
        world.outbox.put(parcel(n=1), NEXT)
        world.outbox.put(parcel(n=2), MONDAY_NINE)
        assert [each.n for each in world.outbox.due(MONDAY_NINE, 0, "")] == [2]
        assert [each.n for each in world.outbox.due(NEXT, 2, stamp(MONDAY_NINE))] == [1]

    def test_counts_tell_what_was_refused(self, world: World) -> None:
        for number, state in enumerate(("pending", "delivered", "failed"), 1):
            world.outbox.put(parcel(n=number), MONDAY_NINE)
            world.outbox.note(number, state, None)
        counts = world.outbox.counts(MONDAY_NINE)
        assert (counts.delivered, counts.undelivered, counts.failed, counts.retrying) == (1, 1, 1, 1)


def headers_of(provider: str, body: bytes, at: datetime = MONDAY_NINE) -> dict[str, str]:
    return SIGNERS[provider](Attempt("http://api.example/", "msg_1", body, at), SECRETS)


class TestSigning:
    def test_resends_signature_is_svixs(self) -> None:
        body = b'{"type": "email.sent"}'
        headers = headers_of("resend", body, wall_now())
        webhook = Webhook(SECRETS.resend_webhook_secret)
        webhook.verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            webhook.verify(body + b" ", headers)

    def test_cal_coms_signature_is_the_bodys_hmac(self) -> None:
        headers = headers_of("cal_com", b"{}")
        expected = hmac.new(b"cal-secret", b"{}", hashlib.sha256).hexdigest()
        assert headers["X-Cal-Signature-256"] == expected

    def test_postmark_comes_with_basic_credentials(self) -> None:
        headers = headers_of("postmark", b"{}")
        assert headers["Authorization"] == "Basic cG9zdG1hcms6aW5ib3VuZC1zZWNyZXQ="

    @pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    def test_a_secret_that_no_one_can_use_is_refused(self, secret: str) -> None:
        with pytest.raises(SecretError, match="whsec_"):
            replace(SECRETS, resend_webhook_secret=secret)

    def test_a_secret_that_is_not_given_is_named(self) -> None:
        environment = {**SECRETS.environment(), "SANDBOX_LOB_SECRET": ""}
        with pytest.raises(SecretError, match="SANDBOX_LOB_SECRET is not set"):
            Secrets.read(environment)


class TestBookingLinks:
    @pytest.mark.parametrize(
        "query", ["metadata[token]=abc", "metadata%5Btoken%5D=abc", "x=1&metadata[token]=abc&name=Ada"]
    )
    def test_the_token_is_read_however_the_brackets_are_written(self, query: str) -> None:
        link = read_link(f"http://127.0.0.1:9/cal/book/intro?{query}")
        assert (link.slug, link.metadata) == ("intro", {"token": "abc"})

    def test_a_link_full_of_parameters_is_read_as_far_as_cal_com_keeps_them(self) -> None:
        query = "&".join(f"metadata[k{index}]={'v' * 900}" for index in range(300))
        metadata = read_link(f"http://127.0.0.1:9/cal/book/intro?{query}").metadata
        assert (len(metadata), {len(value) for value in metadata.values()}) == (50, {500})

    def test_slots_lie_in_business_hours_of_coming_weekdays(self) -> None:
        zone = ZoneInfo("Australia/Perth")
        slots = open_slots(datetime(2026, 3, 6, 1, tzinfo=UTC), zone)
        assert {slot.weekday() for slot in slots} == {0, 1, 2, 3, 4}
        assert (min(slot.hour for slot in slots), max(slot.hour for slot in slots)) == (9, 16)

    def test_a_person_chooses_the_same_slot_again(self) -> None:
        zone = ZoneInfo("Australia/Sydney")
        first, second = (choose_slot(7, "a@b.example", MONDAY_NINE, zone, "first") for _ in range(2))
        assert first == second > MONDAY_NINE


class TestResendKeys:
    def test_the_same_bytes_under_the_same_key_are_accepted_once(self, world: World) -> None:
        address = next(people_who(Act.OPENED))
        first, second = (world.send([message(address)], key="k") for _ in range(2))
        assert (second.content, second.rows[0].replay) == (first.content, True)
        assert world.kinds(address).count("sent") == 1

    def test_other_bytes_under_the_same_key_are_refused(self, world: World) -> None:
        world.send([message("a@b.example")], key="k")
        answer = world.send([message("c@b.example")], key="k")
        assert (answer.status, answer.content["name"]) == (409, "invalid_idempotent_request")

    def test_a_key_is_forgotten_after_a_day_of_virtual_time(self, world: World) -> None:
        first = world.send([message("a@b.example")], key="k")
        world.live(hours=23, minutes=59)
        inside = world.send([message("a@b.example")], key="k")
        world.live(minutes=1)
        after = world.send([message("a@b.example")], key="k")
        assert (inside.content == first.content, after.content == first.content) == (True, False)
