"""The sandbox's search at Apollo: every filter keeps those who fit and nobody else, and garbage is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from agency_os_sandbox.providers.apollo_search import BadSearchError, search
from agency_os_sandbox.world.directory import Contact
from tests.factories.sandbox import MONDAY_NINE, directory

COMPANY = directory().companies[3]
Pairs = list[tuple[str, str]]


def found(*pairs: tuple[str, str]) -> list[Contact]:
    """The first hundred people whom a search finds."""
    body = search(directory(), QueryParams([*pairs, ("per_page", "100")]), MONDAY_NINE)
    people = [directory().by_id(person["id"]) for person in body["people"]]
    assert body["total_entries"] >= len(people)
    return [person for person in people if person is not None]


FILTERS: dict[str, tuple[Pairs, Callable[[Contact], bool]]] = {
    "title": ([("person_titles[]", "owner")], lambda person: "owner" in person.title.lower().split()),
    "the very title": (
        [("person_titles[]", "Owner"), ("include_similar_titles", "false")],
        lambda person: person.title == "Owner",
    ),
    "two titles": (
        [("person_titles[]", "owner"), ("person_titles[]", "manager")],
        lambda person: bool({"owner", "manager"} & set(person.title.lower().split())),
    ),
    "seniority": ([("person_seniorities[]", "c_suite")], lambda person: person.seniority == "c_suite"),
    "state": ([("organization_locations[]", "Tasmania")], lambda person: person.company.state == "TAS"),
    "place within": ([("person_locations[]", "Hobart, Australia")], lambda person: person.company.city == "Hobart"),
    "size": (
        [("organization_num_employees_ranges[]", "5,10"), ("organization_num_employees_ranges[]", "90,99")],
        lambda person: person.company.employees in {*range(5, 11), *range(90, 100)},
    ),
    "domain": (
        [("q_organization_domains_list[]", COMPANY.domain)],
        lambda person: person.company.domain == COMPANY.domain,
    ),
    "organisation": ([("organization_ids[]", COMPANY.id)], lambda person: person.company.id == COMPANY.id),
    "email": ([("contact_email_status[]", "verified")], lambda person: person.apollo == "full"),
    "keyword": (
        [("q_keywords", COMPANY.keywords[0])],
        lambda person: COMPANY.keywords[0] in f"{person.title} {person.company.keywords}".lower(),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_those_who_fit(name: str) -> None:
    pairs, fits = FILTERS[name]
    people = found(*pairs)
    assert people
    assert [person.id for person in people if not fits(person)] == []


def test_whom_apollo_does_not_know_is_never_shown() -> None:
    assert {person.apollo for person in found()} == {"full", "unverified", "guessed", "no_email"}


def test_a_person_fits_every_list_at_once() -> None:
    assert found(("organization_ids[]", COMPANY.id), ("person_seniorities[]", "intern")) == []


def test_a_page_usually_holds_ten() -> None:
    assert len(search(directory(), QueryParams(), MONDAY_NINE)["people"]) == 10


@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=501", "page=", "page=x", "page=1.5", "page=\u0661", "per_page=101", "per_page=-1",
        "organization_num_employees_ranges[]=5", "organization_num_employees_ranges[]=a,b",
        "organization_num_employees_ranges[]=5,,9",
    ],
)  # fmt: skip
def test_a_malformed_search_is_refused(query: str) -> None:
    with pytest.raises(BadSearchError):
        search(directory(), QueryParams(query), MONDAY_NINE)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["page", "per_page", "q_keywords", "person_titles[]", "person_seniorities[]", "organization_ids[]",
                 "organization_num_employees_ranges[]", "include_similar_titles", "organization_locations[]"]
            ),
            st.text(max_size=12),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_a_search_from_anybody_is_answered_or_refused(pairs: Pairs) -> None:
    try:
        body = search(directory(), QueryParams(pairs), MONDAY_NINE)
    except BadSearchError:
        return
    assert len(body["people"]) <= 100
