# Lakzegel: `make demo` shows the whole path, `make test` proves it. Both set up everything.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint fix bench lock check-lock check clean

demo: $(READY)  ## The whole path on this machine, in about half a minute
	$(BIN)/lakzegel demo

test: $(READY)  ## Every test
	$(BIN)/pytest -q

lint: $(READY)  ## Style, types and the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY)  ## What can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## Ratios to restic, borg and tar|zstd|age on the same corpus, in one run
	$(BIN)/python -m bench.compare $(BENCH_ARGS)

lock: $(READY)  ## Write the hashed lock files anew, keeping pins that still fit
	BIN=$(BIN) sh requirements/lock.sh

check-lock: $(READY)  ## Fail when a lock file is not what pyproject.toml asks for
	BIN=$(BIN) sh requirements/lock.sh --check

check: lint test  ## What CI runs first

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache

$(READY): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
