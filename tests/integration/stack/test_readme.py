"""The README's lines of curl, run as they stand there: from sign-up to a campaign's first sent message."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.stack.running import as_ordinary_user, new_stack
from tests.support.needs import REPOSITORY

_BLOCK = re.compile(r"^## From sign-up to the first message.*?^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.needs("curl")
@pytest.mark.timeout(500)
def test_the_lines_of_curl_lead_from_sign_up_to_a_sent_message() -> None:
    found = _BLOCK.search((REPOSITORY / "README.md").read_text("utf-8"))
    assert found is not None
    with new_stack() as stack:
        stack.start()
        (stack.folder / ".venv").symlink_to(Path(sys.prefix))
        ran = subprocess.run(
            [*as_ordinary_user(), "bash", "-euo", "pipefail", "-c", found[1]],
            cwd=stack.folder,
            env={"HOME": str(stack.folder / "home"), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        stack.end(signal.SIGTERM)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"state":"sent"' in ran.stdout.splitlines()[-1]
