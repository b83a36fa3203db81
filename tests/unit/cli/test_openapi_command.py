"""`agency-os openapi` prints what the API serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from agency_os.api.main import create_app
from tests.factories.api import make_web


def test_the_description_is_printed_without_settings_or_services(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "agency-os"
    ran = subprocess.run(
        [str(program), "openapi"], cwd=tmp_path, env={"PATH": os.defpath}, capture_output=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert json.loads(ran.stdout) == create_app(make_web()).openapi()
