"""Every benchmark by its name; a smoke test walks it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from benchmarks.client import client
from benchmarks.enrichment import enrichment
from benchmarks.harness import Benchmark
from benchmarks.intake import intake
from benchmarks.lists import lists
from benchmarks.rescoring import rescoring
from benchmarks.scoring import scoring
from benchmarks.sending import sending

BENCHMARKS: Final[Mapping[str, Benchmark]] = MappingProxyType(
    {
        "scoring": scoring,
        "sending": sending,
        "intake": intake,
        "rescoring": rescoring,
        "lists": lists,
        "client": client,
        "enrichment": enrichment,
    }
)
