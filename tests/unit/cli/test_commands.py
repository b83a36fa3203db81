"""The commands on a list work on a bare machine, and what is wrong is said in plain lines with exit status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agency_os.cli.app import COMMANDS, main

LIST = (
    "Email,First name,Last name,Job title,Company,State,Opted out\n"
    "ann@acme.com.au,Ann,Smith,Owner,Acme,NSW,\n"
    "bob@dunes.com.au,Bob,Jones,Bookkeeper,Dunes Dental,VIC,\n"
    "cat@acme.com.au,Cat,Brown,Owner,Acme,NSW,yes\n"
    "nobody,,,,,,\n"
)
SERVERS = ("prefect", "fastapi", "sqlalchemy", "asyncpg", "redis", "uvicorn")


@pytest.fixture
def leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list in a folder without settings, in an environment without any."""
    for name in list(os.environ):
        if name != "PATH":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "leads.csv"
    file.write_text(LIST, "utf-8")
    return file


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_dry_run_prints_exactly_what_is_promised_without_any_setting(
    leads: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", leads, "--dry-run", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["read", "accepted", "left_out", "mapping", "leads"]
    assert (printed["read"], printed["accepted"]) == (4, 2)


def test_a_dry_run_tells_each_row_that_is_left_out(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", leads, "--dry-run", "--json")
    left_out = json.loads(capsys.readouterr().out)["left_out"]
    assert left_out[0] == {"row": 4, "reason": "opted out in the list"}
    assert [set(each) for each in left_out] == [{"row", "reason"}] * 2


def test_a_dry_run_shows_each_lead_in_its_normal_form(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", leads, "--dry-run", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed["mapping"]["Job title"] == "title"
    assert (
        printed["leads"][0].items() >= {"row": 2, "email": "ann@acme.com.au", "state": "NSW", "consent": None}.items()
    )


def test_a_dry_run_for_people_gives_counts_and_reasons(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", leads, "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "4 rows read, 2 would be accepted, 2 left out" in printed
    assert "row 4: opted out in the list" in printed


def test_a_mapping_and_a_consent_as_typed_are_used(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    consent = ("--consent-basis", "express", "--consent-source", "Expo", "--declared-by", "Bob")
    run("import", leads, "--dry-run", "--json", "--map", "State=ignore", *consent)
    (first, *_) = json.loads(capsys.readouterr().out)["leads"]
    assert first["consent"] == "express"
    assert "state" not in first


def test_scores_come_best_first_with_a_reason_for_every_point(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("score", leads, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert [lead["name"] for lead in printed["leads"]] == ["Ann Smith", "Bob Jones"]
    assert all(sum(line["points"] for line in lead["explanation"]) == lead["als"] for lead in printed["leads"])


def test_a_score_for_people_counts_what_was_left_out(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("score", leads) == 0
    assert "2 scored, 2 rows left out" in capsys.readouterr().out


def test_a_profile_of_the_ideal_customer_changes_the_score(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (leads.parent / "icp.json").write_text('{"excluded_titles": ["Bookkeeper"]}', "utf-8")
    run("score", leads, "--json")
    plain = {lead["row"]: lead["als"] for lead in json.loads(capsys.readouterr().out)["leads"]}
    assert run("score", leads, "--json", "--icp", leads.parent / "icp.json") == 0
    fitted = {lead["row"]: lead["als"] for lead in json.loads(capsys.readouterr().out)["leads"]}
    assert fitted != plain


@pytest.mark.parametrize("content", ["[1]", '{"title": []}', '{"titles": "Owner"}', '{"titles": [1]}', "{"])
def test_a_profile_of_another_form_is_refused(leads: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (leads.parent / "icp.json").write_text(content, "utf-8")
    assert run("score", leads, "--icp", leads.parent / "icp.json") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere.csv", "--dry-run"], "there is no file nowhere.csv"),
        (["score", "nowhere.csv"], "there is no file nowhere.csv"),
        (["score", "."], "there is no file ."),
        (["import", "leads.csv"], "--client is missing"),
        (["import", "leads.csv", "--dry-run", "--map", "State"], "--map takes 'Column=field'"),
        (["import", "leads.csv", "--dry-run", "--map", "Nope=email"], "no column 'Nope'"),
        (["import", "leads.csv", "--dry-run", "--map", "Email=nope"], "no field 'nope'"),
        (
            ["import", "leads.csv", "--dry-run", "--map", "Email=ignore", "--map", "Company=ignore"],
            "no column names a person",
        ),
        (["import", "leads.csv", "--dry-run", "--consent-basis", "maybe"], "--consent-basis is express or inferred"),
        (["import", "leads.csv", "--dry-run", "--consent-source", "x"], "--consent-basis is missing"),
        (["import", "leads.csv", "--dry-run", "--consent-basis", "express"], "consent needs its source"),
        (
            ["import", "leads.csv", "--dry-run", "--consent-basis", "express", "--consent-date", "31/2/2026"],
            "--consent-date is a day such as 2026-03-02",
        ),
        (["import"], "Missing argument"),
        (["score", "leads.csv", "--nope"], "No such option: --nope"),
        (["import", "leads.csv", "--client", "seven"], "Invalid value for '--client'"),
        (["nope"], "no command 'nope'"),
    ],
)
def test_what_the_caller_can_mend_is_one_plain_line(
    leads: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("agency-os")
    assert words in line


def test_a_workbook_is_refused_with_what_to_do(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leads.write_bytes(b"PK\x03\x04" + bytes(100))
    assert run("score", leads) == 2
    assert capsys.readouterr().err == (
        "agency-os: this is an Excel workbook or a zip file, not CSV: save the sheet as CSV (UTF-8)\n"
    )


def test_missing_settings_are_told_all_at_once_one_line_each(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", leads, "--client", "0190b2c0-0000-7000-8000-000000000001") == 2
    lines = capsys.readouterr().err.splitlines()
    named = [line.removeprefix("agency-os: ").split()[0] for line in lines]
    assert named == ["DATABASE_URL", "TOKEN_SECRET", "SUPPRESSION_KEY"]
    assert all("is missing: expected" in line for line in lines)


def test_a_database_that_is_not_there_is_one_line_and_status_1(
    leads: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:secret@127.0.0.1:9/agency_os")
    monkeypatch.setenv("TOKEN_SECRET", "t" * 32)
    monkeypatch.setenv("SUPPRESSION_KEY", "s" * 32)
    assert run("import", leads, "--client", "0190b2c0-0000-7000-8000-000000000001") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("agency-os: the database cannot be reached")
    assert "secret" not in line


def test_help_names_every_command(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    printed = capsys.readouterr().out
    assert all(f"agency-os {name}" in printed for name in COMMANDS)


def test_no_command_at_all_shows_the_help_and_is_an_error(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "agency-os score" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["score", "import"])
def test_a_commands_own_help_is_no_error(leads: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(name, "--help") == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["score", "leads.csv", "--json"], ["import", "leads.csv", "--dry-run"]])
def test_a_command_on_a_list_loads_no_server(leads: Path, arguments: list[str]) -> None:
    program = (
        "import sys\nfrom agency_os.cli.app import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
        f"    loaded = sorted({set(SERVERS)!r} & set(sys.modules))\n    sys.stderr.write(f'{{end.code}} {{loaded}}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=leads.parent, capture_output=True, text=True, check=False
    )
    assert done.stderr == "0 []"


def test_a_reader_that_has_seen_enough_makes_no_noise(leads: Path) -> None:
    leads.write_text(LIST + "".join(f"p{n}@acme.com.au,,,,,,\n" for n in range(5000)), "utf-8")
    program = "from agency_os.cli.app import main; main(['import', 'leads.csv', '--dry-run', '--json'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=leads.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        noise = running.stderr.read()
    assert (noise, running.returncode) == (b"", 1)


@pytest.mark.parametrize("arguments", [["import", "leads.csv", "--dry-run"], ["score", "leads.csv"]])
def test_a_list_is_shown_as_it_stands_whatever_brackets_are_in_it(
    leads: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    leads.write_text("Email,Name,Company,[/b]\nann@acme.com.au,Ann Smith,[/b]:fire:,\n[/b] [red],,,\n", "utf-8")
    assert run(*arguments) == 0
    printed = capsys.readouterr().out
    assert "[/b]:fire:" in printed
    assert "row 3: '[/b] [red]' is no email address" in printed


def test_a_reason_stands_on_one_line_however_long(leads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leads.write_text("Email,Name,Company\nnot an address at all,,\n", "utf-8")
    run("import", leads, "--dry-run")
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "row 2" in line)
    assert line.endswith("first and last name with the company is missing")
