"""Washing by file, for an account without Real Time Access: we write the list, a person uploads it and brings it back.

Published of the upload (donotcall.gov.au, washing steps): one column; csv, txt, dat, zip or gz; at most 10 MB; a name
of letters, digits and underscores. The layout of the returned file is not published: only lines of one number and one
letter Y, N or I are read, and anything else refuses the whole file, since a guess could permit a call.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from agency_os.exceptions import ConflictError, InvalidInputError, ProviderAnswerError
from agency_os.integrations.dncr_wash import (
    RESULTS,
    WashReport,
    WashResult,
    WashState,
    checked_numbers,
    checked_reference,
    e164_of,
    settled,
)

NAME = "dncr_file"
MOST_BYTES = 10_000_000
"""Of an uploaded file; "10 MB" read in the narrower way."""

MOST_NUMBERS = 500_000
"""Of one file: our own bound. Their 6 MB stand well below the limit, so that compressing is the exception."""

_MOST_BYTES_BACK = 10 * MOST_BYTES
_FORMATS: Final = (".csv", ".txt", ".dat", ".zip", ".gz")
_SEPARATOR: Final = re.compile(r"[,;\t|]")


class FileWash:
    """A ``WashPort`` over two folders below ``folder``: ``upload``, which we write, and ``download``, which we read.

    ``most_bytes``: above it the list is written as a zip file.
    """

    name = NAME
    numbers_per_wash = MOST_NUMBERS

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._upload = folder / "upload"
        self._download = folder / "download"
        self._most_bytes = most_bytes

    async def wash(self, reference: str, numbers: Sequence[str]) -> WashReport:
        """Write the file to upload: a report that is RUNNING. Nothing is charged before a person uploads it.

        Called again with the same numbers it changes nothing. Raises InvalidInputError, ConflictError when the
        reference stands for other numbers, and OSError when the folder cannot be written.
        """
        forms = checked_numbers(numbers, self.numbers_per_wash)
        await asyncio.to_thread(self._write, _stem(reference), list(forms.values()))
        return WashReport(reference, WashState.RUNNING)

    async def result_of(self, reference: str) -> WashReport:
        """What the returned file says: DONE; RUNNING while there is none; UNKNOWN when nothing was written.

        The file keeps the name of the upload, in any of the formats. Raises InvalidInputError, and
        ProviderAnswerError for a file that can be read in more than one way, or in none.
        """
        return await asyncio.to_thread(self._read, reference, _stem(reference))

    def _write(self, stem: str, numbers: list[str]) -> None:
        written = self._uploaded(stem)
        if written is not None:
            if written != numbers:
                raise ConflictError("this reference was used for other numbers: choose another one")
            return
        content = "".join(f"{number}\r\n" for number in numbers).encode("ascii")
        suffix = ".csv"
        if len(content) > self._most_bytes:
            content, suffix = _zipped(f"{stem}.csv", content), ".zip"
        if len(content) > self._most_bytes:
            raise InvalidInputError("the list is too long for one upload, compressed too: split it", field="numbers")
        self._upload.mkdir(parents=True, exist_ok=True)
        self._download.mkdir(parents=True, exist_ok=True)
        # Written beside and then renamed: a file that a crash cut short must never be uploaded.
        unfinished = self._upload / f"{stem}{suffix}.part"
        unfinished.write_bytes(content)
        unfinished.rename(self._upload / f"{stem}{suffix}")

    def _uploaded(self, stem: str) -> list[str] | None:
        """The numbers of the upload, in the register's form; None when there is none."""
        found = _in(self._upload, stem)
        return _text(found[0], _content(found[0])).split() if found else None

    def _read(self, reference: str, stem: str) -> WashReport:
        uploaded = self._uploaded(stem)
        if uploaded is None:
            return WashReport(reference, WashState.UNKNOWN)
        returned = _in(self._download, stem)
        if not returned:
            return WashReport(reference, WashState.RUNNING)
        if len(returned) > 1:
            raise _refused(returned[0], "another file of the same name lies beside it")
        asked = [number for number in (e164_of(each) for each in uploaded) if number is not None]
        answers = _answers(returned[0], frozenset(asked))
        results, unclear = settled(answers.items(), asked)
        return WashReport(reference, WashState.DONE, Decimal(len(asked)), results, unclear)


def _stem(reference: str) -> str:
    """The name of the reference's files: letters, digits and underscores alone."""
    return checked_reference(reference).replace("-", "_")


def _in(folder: Path, stem: str) -> list[Path]:
    """The files of this name, whatever its case and format."""
    if not folder.is_dir():
        return []
    wanted = {f"{stem}{suffix}".lower() for suffix in _FORMATS}
    return sorted(each for each in folder.iterdir() if each.name.lower() in wanted)


def _zipped(name: str, content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def _content(path: Path) -> bytes:
    """The file's bytes, unpacked. Raises ProviderAnswerError."""
    try:
        with path.open("rb") as file:
            content = _unpacked(path, file)
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise _refused(path, f"it cannot be read ({type(error).__name__})") from error
    if len(content) > _MOST_BYTES_BACK:
        raise _refused(path, "it is too long")
    return content


def _unpacked(path: Path, file: io.BufferedReader) -> bytes:
    """At most one byte more than is taken, so that a small file cannot fill the memory."""
    if path.suffix.lower() == ".gz":
        with gzip.open(file) as packed:
            return packed.read(_MOST_BYTES_BACK + 1)
    if path.suffix.lower() != ".zip":
        return file.read(_MOST_BYTES_BACK + 1)
    with zipfile.ZipFile(file) as archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
        if len(members) != 1:
            raise _refused(path, f"it holds {len(members)} files instead of one")
        with archive.open(members[0]) as member:
            return member.read(_MOST_BYTES_BACK + 1)


def _text(path: Path, content: bytes) -> str:
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode("ascii")
    except UnicodeDecodeError:
        raise _refused(path, "it holds more than plain letters and digits") from None


def _answers(path: Path, asked: frozenset[str]) -> dict[str, WashResult]:
    """Result by number. Raises ProviderAnswerError for the first line that is not one number and one letter."""
    answers: dict[str, WashResult] = {}
    for line, text in enumerate(_text(path, _content(path)).splitlines(), 1):
        fields = [field for each in _SEPARATOR.split(text) if (field := each.strip().strip('"').strip())]
        if not fields or (line == 1 and not any(letter.isdigit() for letter in text)):
            continue  # an empty line; a first line of titles
        number, result = _number_and_result(path, line, fields)
        if number not in asked:
            raise _refused(path, f"line {line} is about a number that was not uploaded")
        if answers.setdefault(number, result) is not result:
            raise _refused(path, f"line {line} contradicts an earlier one")
    if not answers:
        raise _refused(path, "it holds no results")
    return answers


def _number_and_result(path: Path, line: int, fields: list[str]) -> tuple[str, WashResult]:
    numbers = [number for number in (e164_of(each) for each in fields) if number is not None]
    letters = [RESULTS[each.upper()] for each in fields if each.upper() in RESULTS]
    if len(fields) != 2 or len(numbers) != 1 or len(letters) != 1:
        raise _refused(path, f"line {line} is not one number and one letter Y, N or I")
    return numbers[0], letters[0]


def _refused(path: Path, what: str) -> ProviderAnswerError:
    return ProviderAnswerError(
        f"the washed file {path.name} is refused: {what}. No number of it counts as washed", provider=NAME,
        operation="result_of",
    )  # fmt: skip
