"""Records of a CSV file as people save them: any usual encoding and delimiter, quotes, broken quotes, NUL bytes.

Takes a stream of bytes and reads it once, in pieces. Every record comes out, or its line does with what is wrong with
it: nothing is lost without a word. Row numbers are those that a spreadsheet shows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from charset_normalizer import from_bytes

from agency_os.exceptions import InvalidInputError

DELIMITERS: Final = (",", ";", "\t", "|")
_CHUNK: Final = 1 << 16
MAX_LINE: Final = 100_000
"""Characters of a record beyond which it is no lead; below the csv module's own limit of 131,072 for one field."""

MAX_LINES: Final = 50
"""Lines of one record beyond which its quote counts as never closed."""


class ByteStream(Protocol):
    """What is read from: an open file in binary mode, an upload."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes, empty at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its row number (the header's included), its values, or ``fault``: why it cannot be read."""

    row: int
    values: tuple[str, ...]
    fault: str | None = None


class _LineTooLong(str):
    """The beginning of a line that was cut off."""

    __slots__ = ()


def read_records(stream: ByteStream) -> tuple[str, Iterator[str]]:
    """The encoding found and the lines of the stream, each with its end; to be parsed by ``parse_records``.

    Raises InvalidInputError when the file is empty or plainly no text.
    """
    head = _read_head(stream)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise InvalidInputError("the file is empty", field="file")
    for magic, what in _NOT_TEXT.items():
        if head.startswith(magic):
            raise InvalidInputError(f"this is {what}, not CSV: save the sheet as CSV (UTF-8)", field="file")
    encoding = detect_encoding(head)
    return encoding, _lines(_chunks(head, stream), encoding)


_NOT_TEXT: Final = {
    b"PK\x03\x04": "an Excel workbook or a zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file",
}


def _read_head(stream: ByteStream) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size < _CHUNK and (part := stream.read(_CHUNK - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _chunks(head: bytes, stream: ByteStream) -> Iterator[bytes]:
    yield head
    while part := stream.read(_CHUNK):
        yield part


def detect_encoding(head: bytes) -> str:
    """The encoding of a text by its first bytes: byte-order mark, UTF-16 by its zeros, UTF-8, else Western."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    zeros = head[1::2].count(0), head[0::2].count(0)
    if max(zeros) * 4 > len(head):
        return "utf-16-le" if zeros[0] >= zeros[1] else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError:
        best = from_bytes(head, cp_isolation=["cp1252", "mac_roman"]).best()
        return best.encoding if best is not None else "cp1252"
    return "utf-8"


_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _western(error: UnicodeError) -> tuple[str, int]:
    """A stray byte in a file that began as UTF-8 is read as Windows does: lists are often pasted together."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("agency_os_western", _western)


def _lines(chunks: Iterator[bytes], encoding: str) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("agency_os_western"), translate=True)
    rest = ""
    cut = False
    for chunk in chunks:
        *lines, rest = (rest + decoder.decode(chunk).replace("\0", "")).split("\n")
        for line in lines:
            yield _LineTooLong(line[:80]) if cut or len(line) > MAX_LINE else line + "\n"
            cut = False
        if len(rest) > MAX_LINE:
            rest, cut = rest[:80], True
    rest += decoder.decode(b"", final=True).replace("\0", "")
    if rest:
        yield _LineTooLong(rest[:80]) if cut or len(rest) > MAX_LINE else rest


class _RunawayError(Exception):
    """A quote was opened and not closed within reason."""


class _Source:
    """Feeds lines to the csv reader, remembers those of the record under way, and can take them back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._waiting.popleft() if self._waiting else next(self._lines)
        except StopIteration:
            if self.taken:
                raise _RunawayError from None
            raise
        self.taken.append(line)
        too_much = len(self.taken) > MAX_LINES or sum(map(len, self.taken)) > MAX_LINE
        if isinstance(line, _LineTooLong) or (too_much and len(self.taken) > 1):
            raise _RunawayError
        return line

    def push_back(self) -> str:
        """Gives all but the first line of the record under way back, and returns that first one."""
        first, *others = self.taken
        self._waiting.extendleft(reversed(others))
        return first


def parse_records(lines: Iterator[str], delimiter: str) -> Iterator[Record]:
    """Records in the order of the file; wholly blank lines are counted as rows and passed over."""
    source = _Source(lines)
    reader = csv.reader(source, delimiter=delimiter)
    row = 0
    while True:
        row += 1
        source.taken = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except (_RunawayError, csv.Error):
            first = source.push_back()
            reader = csv.reader(source, delimiter=delimiter)
            yield Record(row, (), _fault(first))
            continue
        if values:
            yield Record(row, tuple(_clean(value) for value in values))


def _fault(line: str) -> str:
    start = _clean(line)[:40]
    if isinstance(line, _LineTooLong):
        return f"the line is longer than {MAX_LINE:,} characters: it begins with {start!r}"
    return f"a quote is opened and never closed: the line begins with {start!r}"


def _clean(value: str) -> str:
    """A value on one line, without control characters and the invisible ones that pasted text brings."""
    return " ".join(_INVISIBLE.sub("", re.sub(r"[\s\u00a0]+", " ", value)).split())


_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ufffe]")
