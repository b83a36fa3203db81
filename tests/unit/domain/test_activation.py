"""What stands in the way of a campaign's start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agency_os.domain.activation import ActivationFacts, StepFacts, obstacles

READY = ActivationFacts(
    subscription_status="trialing",
    sender_name="Ann",
    postal_address="1 Example Street",
    booking_url="https://cal.example",
    channels_with_sender=frozenset({"email"}),
    steps=(StepFacts(1, "email", "Hello", "Hi {{ first_name }}"),),
)


def test_nothing_stands_in_the_way_of_a_campaign_that_is_ready() -> None:
    assert obstacles(READY) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subscription_status": "past_due"}, "the subscription is past_due"),
        ({"steps": ()}, "no steps"),
        ({"sender_name": None}, "no sender_name"),
        ({"postal_address": ""}, "no postal_address"),
        ({"channels_with_sender": frozenset()}, "no sender for email"),
        ({"steps": (StepFacts(1, "email", "Hello", "{{ salary }}"),)}, "no field salary"),
        ({"steps": (StepFacts(1, "email", "{% for %}", "Hi"),)}, "cannot be read"),
        (
            {"booking_url": None, "steps": (StepFacts(1, "email", "Hello", "{{ booking_link }}"),)},
            "fill in the client's booking_url",
        ),
    ],
)
def test_each_obstacle_is_told_with_what_to_do(change: dict[str, object], words: str) -> None:
    (found,) = obstacles(replace(READY, **change))  # type: ignore[arg-type]  # by name
    assert words in found


def test_all_obstacles_are_told_at_once() -> None:
    assert len(obstacles(replace(READY, sender_name=None, postal_address=None, channels_with_sender=frozenset()))) == 3


def test_voice_and_post_need_no_sender_of_ours() -> None:
    steps = (StepFacts(1, "voice", None, "Call"), StepFacts(2, "mail", None, "Letter"))
    assert obstacles(replace(READY, steps=steps, channels_with_sender=frozenset())) == ()
