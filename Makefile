# The commands of README; each makes what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
HOME_FOLDER := $(if $(DATABOURSE_HOME),$(DATABOURSE_HOME),var)

.PHONY: demo run test simulate check bench browser clean

demo: .venv/running
	$(BIN)/databourse demo

# To try it out; an operator sets DATABOURSE_MODE=production and the secrets (README, configuration).
run: .venv/running
	DATABOURSE_MODE=$${DATABOURSE_MODE:-development} $(BIN)/databourse run

test: .venv/testing browser
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

# More of the simulation than ``make test`` runs: make simulate SEED=7 STEPS=50000
simulate: .venv/testing
	SEED=$(or $(SEED),20260701) STEPS=$(or $(STEPS),10000) $(BIN)/python -m pytest -q tests/simulation

check: .venv/testing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/benching
	@for bench in benchmarks/*.py; do $(BIN)/python -W ignore $$bench || exit 1; done

# Chromium for the tests: found on PATH, else from apt as root, else BROWSER=none leaves those tests out and says so.
browser:
	@sh tests/browser/install.sh

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv || { $(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv .venv; }
	@touch $@

.venv/running: .venv/made requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/testing: .venv/running requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The real tables that scans are measured on; nothing else needs them.
.venv/benching: .venv/testing requirements-bench.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@echo "state is kept in $(HOME_FOLDER)"
