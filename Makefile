# Everything a newcomer or a developer runs. Needs Python 3.11 or newer with venv, and make; nothing else.
#
#   make demo [ONCE=1] [LEADS=leads.csv] [SEED=7] [START=2026-03-02] [FAULTS=10]   from a lead list to meetings
#   make test [WORKERS=2] [PG=16]                                      every check and every test
#   make bench [NAME="scoring sending"]                                speed beside a limit or a peer, as ratios
#   make lint | format | lock | coverage [BASE=origin/main] | clean

WORKERS ?= 2
PG ?= 18
BASE ?= origin/main
BIN := .venv/bin
# The oldest that is here: 15 with Debian's postgresql-15, which CI has; else 16, which comes with a wheel.
OLDEST := $(if $(CI)$(wildcard /usr/lib/postgresql/15/bin/postgres),15,16)
DATABASE_TESTS := tests/architecture/test_schema.py tests/integration/db tests/integration/repositories

.PHONY: help install demo test bench lint format lock coverage clean

help:
	@sed -n 's/^#   //p' Makefile

install:
	@sh .ci/install

demo: install
	@exec $(BIN)/agency-os demo $(if $(filter-out 0,$(ONCE)),--once) $(if $(LEADS),--leads '$(LEADS)') \
		$(if $(SEED),--seed '$(SEED)') $(if $(START),--start '$(START)') $(if $(FAULTS),--faults '$(FAULTS)')

# Everything on PostgreSQL 18, and what speaks to the database directly on the oldest as well.
test: lint
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal --pg-version $(PG)
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal --pg-version $(OLDEST) $(DATABASE_TESTS)

# As an ordinary user: it starts a PostgreSQL of its own.
bench: install
	$(BIN)/python -m benchmarks $(NAME)

lint: install
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry src
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

# The lines changed since BASE are covered by tests.
coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n $(WORKERS) --dist worksteal --pg-version $(PG)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage xml -q
	$(BIN)/diff-cover coverage.xml --compare-branch $(BASE) --fail-under 90

# Keeps what is pinned; `make lock UPGRADE="-P name"` raises one. The files hold hashes and no addresses.
LOCK := pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate $(UPGRADE)
lock: install
	@uv=$$(command -v uv || echo $(BIN)/uv); set -x; \
	$$uv $(LOCK) --extra stack --group build pyproject.toml -o requirements.lock; \
	$$uv $(LOCK) --extra stack --group dev pyproject.toml -o requirements-dev.lock; \
	echo uv | $$uv $(LOCK) - -o requirements-uv.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* coverage.xml dist build
