"""States and countries read from what people write; what is not sure reads as None."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.states import STATE_NAMES, State, read_country, read_state, state_of_postcode


@pytest.mark.parametrize("state", State)
def test_a_state_is_read_from_its_abbreviation_and_its_name(state: State) -> None:
    forms = [state.value, state.value.lower(), ".".join(state.value) + ".", f"AU-{state.value}", STATE_NAMES[state]]
    assert {read_state(form) for form in forms} == {state}


def test_every_state_has_a_name() -> None:
    assert set(STATE_NAMES) == set(State)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Sydney NSW 2000", State.NSW),
        ("Newcastle, NSW", State.NSW),
        ("Brisbane", State.QLD),
        ("Greater Sydney Area", State.NSW),
        ("Melbourne, Australia", State.VIC),
        ("Sydney, New South Wales, Australia", State.NSW),
        ("Western  Australia", State.WA),
        ("south-australia", State.SA),
        ("Tas.", State.TAS),
        ("Perth, WA, AU", State.WA),
        ("Perth, TAS", State.TAS),
    ],
)
def test_a_state_is_read_from_an_address(text: str, state: State) -> None:
    assert read_state(text) is state


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "Australia",
        "Sydney, Melbourne",
        "New South Wales/Victoria",
        "Melbourne VIC, Sydney NSW",
        "Washington",
        "Vicenza",
        "Santa Fe",
    ],
)
def test_none_or_several_states_read_as_none(text: str | None) -> None:
    assert read_state(text) is None


@pytest.mark.parametrize("text", ["Perth, Scotland", "WA, USA", "Victoria, Canada", "Newcastle, United Kingdom"])
def test_a_namesake_in_another_country_is_no_state(text: str) -> None:
    assert read_state(text) is None


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("0200", State.ACT),
        ("0800", State.NT),
        ("800", State.NT),
        ("1000", State.NSW),
        ("2599", State.NSW),
        ("2600", State.ACT),
        ("2618", State.ACT),
        ("2619", State.NSW),
        ("2899", State.NSW),
        ("2900", State.ACT),
        ("2920", State.ACT),
        ("2921", State.NSW),
        ("3000", State.VIC),
        ("4000", State.QLD),
        ("5000", State.SA),
        ("6000", State.WA),
        ("7000", State.TAS),
        ("8999", State.VIC),
        ("9999", State.QLD),
        (" 3000 ", State.VIC),
    ],
)
def test_a_postcode_stands_for_its_state(text: str, state: State) -> None:
    assert state_of_postcode(text) is state


@pytest.mark.parametrize("text", [None, "", "99", "0300", "20000", "２０００", "-200", "2e3"])
def test_what_is_no_australian_postcode_stands_for_nothing(text: str | None) -> None:
    assert state_of_postcode(text) is None


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("Australia", "AU"),
        ("AUS", "AU"),
        ("au", "AU"),
        ("Sydney, NSW, Australia", "AU"),
        ("Austria", "AT"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("UK", "GB"),
        ("N.Z.", "NZ"),
        ("New  Zealand", "NZ"),
        ("The Netherlands", "NL"),
    ],
)
def test_a_country_is_read_from_its_names(text: str, country: str) -> None:
    assert read_country(text) == country


@pytest.mark.parametrize("text", [None, "", "Atlantis", "Sydney", "Perth, WA", "Australian"])
def test_what_names_no_known_country_reads_as_none(text: str | None) -> None:
    assert read_country(text) is None


@given(st.text(max_size=40))
def test_any_text_can_be_asked(text: str) -> None:
    assert read_state(text) in {None, *State}
    assert len(read_country(text) or "AU") == 2
