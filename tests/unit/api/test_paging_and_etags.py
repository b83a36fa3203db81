"""Cursors and entity tags."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from agency_os.api.etags import check_match, etag_of, not_modified
from agency_os.api.paging import cut, read_count_cursor, read_id_cursor, read_number_cursor, write_cursor
from agency_os.exceptions import InvalidInputError, PreconditionError
from agency_os.kit.ids import new_id


class State(BaseModel):
    name: str


def test_a_cursor_is_read_as_it_was_written() -> None:
    row_id = new_id()
    assert read_id_cursor(write_cursor(row_id)) == row_id
    assert read_number_cursor(write_cursor(None, row_id)) == (None, row_id)
    assert read_count_cursor(write_cursor(7)) == 7


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!", write_cursor("no id"), write_cursor(1, 2), write_cursor(2**40), "é"]
)
@pytest.mark.parametrize("read", [read_id_cursor, read_number_cursor, read_count_cursor])
def test_a_foreign_cursor_is_named(read: object, cursor: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(cursor)  # type: ignore[operator]
    assert raised.value.field == "query.cursor"


@pytest.mark.parametrize(("count", "is_last"), [(2, True), (3, False)])
def test_only_a_page_with_more_behind_it_has_a_cursor(count: int, is_last: bool) -> None:
    page = cut(list(range(count)), 2, lambda last: (last,))
    assert (page.items, page.next_cursor is None) == ([0, 1], is_last)


def test_the_same_state_has_the_same_tag_and_another_has_another() -> None:
    assert etag_of(State(name="a")) == etag_of(State(name="a")) != etag_of(State(name="b"))


@pytest.mark.parametrize("header", [None, "*", etag_of(State(name="a")), f'"x", {etag_of(State(name="a"))}'])
def test_a_matching_tag_lets_a_change_pass(header: str | None) -> None:
    check_match(header, State(name="a"))


@pytest.mark.parametrize("header", ['"x"', "", etag_of(State(name="b"))])
def test_another_tag_does_not(header: str) -> None:
    with pytest.raises(PreconditionError):
        check_match(header, State(name="a"))


def test_a_weak_tag_of_the_state_spares_the_answer() -> None:
    answer = not_modified(f"W/{etag_of(State(name='a'))}", State(name="a"))
    assert answer is not None
    assert answer.status_code == 304
