"""The peer of columnar scoring: the arithmetic of the ALS as plain NumPy, with every text judged beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

import numpy as np
from numpy.typing import NDArray

from agency_os.domain.als import COMPONENT_MAX, TIER_FLOORS, Component
from agency_os.domain.columnar import WORK_ADDRESS, LeadColumns
from agency_os.domain.facts import FactValue
from agency_os.domain.icp import excluded_title, fits_location, matching_industry
from agency_os.domain.scoring import months_later
from agency_os.domain.states import State, read_country
from agency_os.domain.titles import read_title
from agency_os.domain.weights import DEFAULT_WEIGHTS
from benchmarks.lead_columns import PROFILE, TODAY

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int32]


@dataclass(frozen=True)
class NumpyPass:
    """Leads as flags, numbers and codes, with a table of points or flags for each distinct text."""

    work_email: Flags
    verified: Flags
    has_email: Flags
    personal: Flags
    phone: Flags
    linkedin: Flags
    hiring: Flags
    bounced: Flags
    left: Flags
    competitor: Flags
    titles: Numbers
    title_points: NDArray[np.int8]
    title_excluded: Flags
    industries: Numbers
    industry_fits: Flags
    places: Numbers
    place_fits: Flags
    employees: Numbers
    started: Numbers
    funded: Numbers

    @classmethod
    def of(cls, leads: LeadColumns) -> NumpyPass:
        """What stands in ``leads``, prepared."""
        columns = leads.columns
        titles, industries = columns["title"], columns["organization_industry"]
        countries, states = columns["organization_country"], columns["state"]
        points = [0, *(read_title(str(each)).points for each in titles.values[1:])]
        return cls(
            work_email=_flags(leads, "email", lambda value: value == WORK_ADDRESS),
            verified=_flags(leads, "email_verified"),
            has_email=columns["email"].codes > 0,
            personal=_flags(leads, "personal_email"),
            phone=_flags(leads, "phone"),
            linkedin=_flags(leads, "linkedin_url"),
            hiring=_flags(leads, "organization_is_hiring"),
            bounced=_flags(leads, "hard_bounced"),
            left=_flags(leads, "unsubscribed_before"),
            competitor=_flags(leads, "is_competitor")
            | _flags(leads, "domain", lambda value: value in PROFILE.competitor_domains),
            titles=titles.codes,
            title_points=np.array(points, np.int8),
            title_excluded=_table(titles.values, lambda value: excluded_title(str(value), PROFILE) is not None),
            industries=industries.codes,
            industry_fits=_table(industries.values, _industry_fits),
            places=countries.codes * len(states.values) + states.codes,
            place_fits=np.array([_place_fits(*place) for place in product(countries.values, states.values)]),
            employees=_numbers(leads, "organization_employee_count", lambda value: int(str(value))),
            started=_numbers(leads, "employment_start_date", _ordinal),
            funded=_numbers(leads, "organization_latest_funding_date", _ordinal),
        )

    def score(self) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """Totals, and tiers from the best (0) to the worst."""
        points = {
            Component.DATA_QUALITY: 8 * (self.work_email & self.verified)
            + 6 * self.phone
            + 4 * self.linkedin
            + 2 * (self.has_email & self.personal),
            Component.AUTHORITY: self.title_points[self.titles],
            Component.COMPANY_FIT: 10 * self.industry_fits[self.industries]
            + 8 * ((self.employees >= 11) & (self.employees <= 200))
            + 7 * self.place_fits[self.places],
            Component.TIMING: 6 * _recent(self.started, 6) + 5 * self.hiring + 4 * _recent(self.funded, 12),
            Component.RISK: np.maximum(
                15 - 10 * self.bounced - 15 * self.left - 15 * self.competitor - 5 * self.title_excluded[self.titles],
                0,
            ),
        }
        exact = np.zeros(len(self.titles))
        for each in Component:
            exact += points[each] / COMPONENT_MAX[each] * DEFAULT_WEIGHTS.values[each]
        totals = np.clip(np.floor(exact + 0.5 + 1e-9), 0, 100).astype(np.uint8)
        floors = [floor for _, floor in reversed(TIER_FLOORS)]
        return totals, len(floors) - np.searchsorted(floors, totals, side="right")


def _recent(days: Numbers, months: int) -> Flags:
    """Days (ordinals) less than ``months`` ago and not to come."""
    first = TODAY - timedelta(days=31 * months + 31)
    while months_later(first, months) <= TODAY:
        first += timedelta(days=1)
    return (days >= first.toordinal()) & (days <= TODAY.toordinal())


def _table(values: Sequence[FactValue | None], judged: Callable[[FactValue], bool]) -> Flags:
    """The verdict on each value, False for none."""
    return np.array([value is not None and judged(value) for value in values])


def _flags(leads: LeadColumns, field: str, judged: Callable[[FactValue], bool] = bool) -> Flags:
    column = leads.columns[field]
    return _table(column.values, judged)[column.codes]


def _numbers(leads: LeadColumns, field: str, read: Callable[[FactValue], int]) -> Numbers:
    column = leads.columns[field]
    return np.array([-1 if value is None else read(value) for value in column.values], np.int32)[column.codes]


def _ordinal(value: FactValue) -> int:
    if not isinstance(value, date):
        raise TypeError("not a date")
    return value.toordinal()


def _industry_fits(value: FactValue) -> bool:
    return matching_industry(str(value), PROFILE.industries) is not None


def _place_fits(country: FactValue | None, state: FactValue | None) -> bool:
    if country is None and state is None:
        return False
    code = read_country(str(country)) if country is not None else "AU"
    return fits_location(code, State(str(state)) if state is not None else None, PROFILE)
