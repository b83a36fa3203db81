"""Any file that people save as CSV is read, and what cannot be read comes out with its reason."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.domain.csv_reading import MAX_LINE, Record, detect_encoding, parse_records, read_records
from agency_os.exceptions import InvalidInputError

_TEXT = "Name,City\r\nZoë O’Brien,Orléans\r\n"


def lines_of(content: bytes) -> list[str]:
    return list(read_records(io.BytesIO(content))[1])


def records(content: bytes | str, delimiter: str = ",") -> list[Record]:
    data = content.encode() if isinstance(content, str) else content
    return list(parse_records(read_records(io.BytesIO(data))[1], delimiter))


@pytest.mark.parametrize(
    "content",
    [
        _TEXT.encode(),
        _TEXT.encode("utf-8-sig"),
        _TEXT.encode("utf-16"),
        b"\xfe\xff" + _TEXT.encode("utf-16-be"),
        _TEXT.encode("utf-16-le"),
        _TEXT.encode("utf-16-be"),
        _TEXT.encode("utf-32"),
        _TEXT.encode("cp1252"),
        _TEXT.replace("\r\n", "\r").encode(),
        _TEXT.replace("\r\n", "\n").encode(),
    ],
)
def test_encodings_and_line_ends_of_spreadsheets_are_read(content: bytes) -> None:
    assert lines_of(content) == ["Name,City\n", "Zoë O’Brien,Orléans\n"]


def test_a_stray_western_byte_far_down_a_utf8_file_is_read_as_windows_does() -> None:
    content = "Zoë,x\n".encode() * 20_000 + b"Caf\xe9,x\n"
    assert lines_of(content)[-1] == "Café,x\n"
    assert lines_of(content)[0] == "Zoë,x\n"


def test_plain_ascii_counts_as_utf8() -> None:
    assert detect_encoding(b"email\na@acme.com.au\n") == "utf-8"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"%PDF-1.7", "a PDF file"),
        (b"\x1f\x8b\x08", "a compressed file"),
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \r\n", "the file is empty"),
    ],
)
def test_what_is_no_text_is_refused_in_one_plain_line(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as refused:
        read_records(io.BytesIO(content))
    assert "\n" not in str(refused.value)


def test_quoted_values_keep_their_commas_and_lose_their_line_breaks() -> None:
    assert records('a,"Smith, Ann\r\nDirector ""the boss"""\n') == [Record(1, ("a", 'Smith, Ann Director "the boss"'))]


def test_a_quote_that_is_never_closed_costs_its_own_line_alone() -> None:
    read = records('a,b\nx,"open\nc,d\ne,f\n')
    assert [record.values for record in read if record.fault is None] == [("a", "b"), ("c", "d"), ("e", "f")]
    assert [(record.row, record.fault) for record in read if record.fault] == [
        (2, "a quote is opened and never closed: the line begins with 'x,\"open'")
    ]


def test_a_quote_closed_far_below_swallows_no_rows() -> None:
    read = records('x,"open\n' + "c,d\n" * 60 + 'y",z\n')
    assert sum(record.values == ("c", "d") for record in read) == 60


def test_a_line_beyond_all_measure_is_told_and_the_next_is_read() -> None:
    read = records("a,b\n" + "x" * (MAX_LINE + 1) + "\nc,d\n")
    assert [record.fault is None for record in read] == [True, False, True]
    assert (read[1].fault or "").startswith("the line is longer than 100,000 characters")


def test_a_value_of_nearly_that_length_is_kept_whole() -> None:
    (record,) = records("a," + "x" * (MAX_LINE - 10))
    assert len(record.values[1]) == MAX_LINE - 10


def test_rows_are_counted_as_a_spreadsheet_counts_them() -> None:
    assert [record.row for record in records("a,b\n\nc,d\n\n\ne,f")] == [1, 3, 6]


def test_control_and_invisible_characters_go() -> None:
    assert records("a\x07b\u200b,\u00a0c\u00a0 d\ufeff\0,e") == [Record(1, ("ab", "c d", "e"))]


class Endless:
    """A file without an end; remembers how much of it was asked for."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int, /) -> bytes:
        self.given += size
        return (b"Ann,Smith,ann@acme.com.au\n" * (size // 26 + 1))[:size]


def test_no_more_is_read_than_is_needed() -> None:
    source = Endless()
    taken = parse_records(read_records(source)[1], ",")
    assert [next(taken).row for _ in range(1000)] == list(range(1, 1001))
    assert source.given < 1_000_000


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"a,b\n", b"\xff\xfe", b"\xef\xbb\xbf"]), st.sampled_from(",;\t|")
)
def test_of_any_bytes_each_row_comes_once_and_in_order(content: bytes, start: bytes, delimiter: str) -> None:
    try:
        read = records(start + content, delimiter)
    except InvalidInputError:
        return
    assert [record.row for record in read] == sorted({record.row for record in read})
    assert all(record.values or record.fault for record in read)
