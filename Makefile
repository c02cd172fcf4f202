# What a person does with this repository; `make` alone prints this list.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_PROCESSES ?= 3

.PHONY: help run test torture check bench format lint types imports lock clean
help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

run: $(VENV)/.installed ## start everything and print the address (PORT, SOURCINGX_HOME)
	@exec $(BIN)/python -m services.supervisor

test: $(VENV)/.installed-dev browser ## the whole suite: real PostgreSQL, real browser, providers over HTTP
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadgroup --no-loadscope-reorder

torture: $(VENV)/.installed-dev browser ## faults, kills and properties with many seeds; up to an hour
	TORTURE=1 $(BIN)/pytest --verbose --timeout 600 tests/torture tests/journeys/test_many_people.py tests/faults \
	  tests/ratelimit tests/services/runs

check: format lint types imports test ## what CI runs: formatting, lint, types, import rules, then the suite

format: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
types: $(VENV)/.installed-dev
	$(BIN)/mypy
imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench ## print the measured tables
	$(BIN)/python -m bench

# Journeys need a Chromium, the database tests a pooler; the machine's package manager that can give them is asked once.
.PHONY: browser
browser:
	@bash tests/prepare_machine.sh

lock: $(VENV)/.installed-dev ## renew the locked versions from the *.in files
	$(BIN)/pip install --quiet uv
	for set in requirements requirements-dev requirements-bench; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --upgrade $$set.in -o $$set.txt || exit 1; done

clean: ## remove what was built; the data directory stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache test-output

# A half-made environment has no stamp and is made again.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "SourcingX needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@
$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@
