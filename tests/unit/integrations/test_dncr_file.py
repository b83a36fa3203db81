"""Washing by file: what is written for the upload, and that of the returned file nothing ambiguous is read."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from agency_os.exceptions import ConflictError, InvalidInputError, Outcome, ProviderAnswerError
from agency_os.integrations import dncr_file
from agency_os.integrations.dncr_file import FileWash
from agency_os.integrations.dncr_wash import WashReport, WashResult, WashState

A, B = "+61255500001", "+61491570156"


def zipped(*contents: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return held.getvalue()


async def returned(folder: Path, content: bytes, name: str = "wash_1.csv") -> WashReport:
    """What is read when the file comes back for a wash of A and B."""
    port = FileWash(folder)
    await port.wash("wash-1", [A, B])
    (folder / "download" / name).write_bytes(content)
    return await port.result_of("wash-1")


async def test_the_upload_has_one_column_and_a_name_that_the_register_takes(tmp_path: Path) -> None:
    report = await FileWash(tmp_path).wash("wash-1", [A, B, A])
    assert report == WashReport("wash-1", WashState.RUNNING)
    assert [each.name for each in (tmp_path / "upload").iterdir()] == ["wash_1.csv"]
    assert (tmp_path / "upload" / "wash_1.csv").read_bytes() == b"0255500001\r\n0491570156\r\n"
    assert not report.permits_call(A)


async def test_a_long_list_is_compressed_and_a_longer_one_refused(tmp_path: Path) -> None:
    numbers = [f"+612555{n:05}" for n in range(500)]
    port = FileWash(tmp_path, most_bytes=4000)
    await port.wash("long", numbers)
    assert [each.name for each in (tmp_path / "upload").iterdir()] == ["long.zip"]
    with zipfile.ZipFile(tmp_path / "upload" / "long.zip") as archive:
        assert archive.namelist() == ["long.csv"]
        assert archive.read("long.csv").count(b"\r\n") == 500
    assert (await port.result_of("long")).state is WashState.RUNNING
    assert (await port.wash("long", numbers)).state is WashState.RUNNING
    with pytest.raises(InvalidInputError):
        await FileWash(tmp_path, most_bytes=400).wash("longer", numbers)


async def test_a_reference_stands_for_one_list(tmp_path: Path) -> None:
    port = FileWash(tmp_path)
    await port.wash("wash-1", [A, B])
    before = (tmp_path / "upload" / "wash_1.csv").stat().st_mtime_ns
    await port.wash("wash-1", [A, B])
    assert (tmp_path / "upload" / "wash_1.csv").stat().st_mtime_ns == before
    for reference in ("wash-1", "wash_1"):
        with pytest.raises(ConflictError):
            await port.wash(reference, [A])


async def test_nothing_written_is_unknown_and_nothing_returned_is_running(tmp_path: Path) -> None:
    port = FileWash(tmp_path)
    assert (await port.result_of("wash-1")).state is WashState.UNKNOWN
    await port.wash("wash-1", [A])
    assert await port.result_of("wash-1") == WashReport("wash-1", WashState.RUNNING)


@pytest.mark.parametrize(
    "content",
    [
        b"0255500001,N\r\n0491570156,Y\r\n",
        b"0255500001\tn\n0491570156\ty",
        b"\xef\xbb\xbfNumber,Result\n\n0255500001,N\n0491570156,Y\n",
        b'"N","0255500001"\n"Y","(04) 9157-0156"\n',
        b"61255500001;N;\n+61491570156 | Y\n",
        b"0255500001,N\n0255500001,N\n0491570156,Y\n",
    ],
)
@pytest.mark.parametrize("form", ["csv", "TXT", "dat", "zip", "gz"])
async def test_number_and_letter_are_read_in_any_of_the_formats(tmp_path: Path, content: bytes, form: str) -> None:
    packing: dict[str, Callable[[bytes], bytes]] = {"zip": zipped, "gz": gzip.compress}
    report = await returned(tmp_path, packing.get(form, bytes)(content), f"Wash_1.{form}")
    assert report.results == {A: WashResult.NOT_REGISTERED, B: WashResult.REGISTERED}
    assert (report.state, report.units, report.unclear) == (WashState.DONE, Decimal(2), ())


async def test_a_number_that_did_not_come_back_is_not_washed(tmp_path: Path) -> None:
    report = await returned(tmp_path, b"0255500001,N\n")
    assert (report.unclear, report.permits_call(A), report.permits_call(B)) == ((B,), True, False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Number,Result\n",
        b"0255500001\n0491570156\n",
        b"0255500001,N,Y\n",
        b"0255500001,N,2026-11-23\n",
        b"0255500001,0491570156,N\n",
        b"0255500001,No\n",
        b"0255500001,1\n",
        b"255500001,N\n",
        b"0255500001 N\n",
        b"0255500001,N\nNumber,Result\n",
        b"0255500001,N\n0255500001,I\n",
        b"0255500001,N\n0255500009,N\n",
        "0255500001,N\n0491570156,Ÿ\n".encode(),
        "0255500001,N\n".encode("utf-16"),
    ],
)
async def test_a_file_that_is_ambiguous_anywhere_is_refused_whole(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ProviderAnswerError) as caught:
        await returned(tmp_path, content)
    error = caught.value
    assert (error.provider, error.operation, error.outcome) == ("dncr_file", "result_of", Outcome.ACCEPTED)
    assert not any(number in str(error) for number in ("555", "4915"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wash_1.zip", b"no archive"),
        ("wash_1.gz", b"no archive"),
        ("wash_1.gz", gzip.compress(b"0255500001,N\n" * 20)[:-9]),
        ("wash_1.zip", zipped()),
        ("wash_1.zip", zipped(b"0255500001,N\n", b"0491570156,N\n")),
    ],
    ids=["no zip", "no gzip", "cut short", "empty zip", "two in one"],
)
async def test_an_archive_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ProviderAnswerError):
        await returned(tmp_path, content, name)


@pytest.mark.parametrize(
    ("name", "pack"), [("wash_1.gz", gzip.compress), ("wash_1.zip", zipped), ("wash_1.csv", bytes)]
)
async def test_a_file_is_unpacked_no_further_than_it_may_be_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(dncr_file, "_MOST_BYTES_BACK", 100)
    content = b"0255500001,N\r\n"
    assert (await returned(tmp_path, pack(content + b" " * 86), name)).permits_call(A)
    with pytest.raises(ProviderAnswerError, match="too long"):
        await returned(tmp_path, pack(content + b" " * 87), name)


async def test_two_returned_files_are_one_too_many(tmp_path: Path) -> None:
    await returned(tmp_path, b"0255500001,N\n")
    (tmp_path / "download" / "WASH_1.txt").write_bytes(b"0255500001,Y\n")
    with pytest.raises(ProviderAnswerError):
        await FileWash(tmp_path).result_of("wash-1")


@pytest.mark.parametrize("reference", ["", "../up", "a b", "a.csv"])
async def test_a_reference_names_no_file_elsewhere(tmp_path: Path, reference: str) -> None:
    for call in (FileWash(tmp_path).wash(reference, [A]), FileWash(tmp_path).result_of(reference)):
        with pytest.raises(InvalidInputError):
            await call
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a path's own way blocks just as long
