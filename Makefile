# SPDX-License-Identifier: EUPL-1.2
# `make demo` shows the whole path, `make test` proves it. Both set up everything they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SITE := $(VENV)/site
ON_DEVICES := -p lakzegel_core -p lakzegel_agent -p lakzegel_verify
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test soak lint fix bench package package-macos package-windows profiles site lock check-lock check clean

help:  ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

demo: $(READY)  ## The whole path on this machine, in about half a minute
	$(BIN)/lakzegel demo $(DEMO_ARGS)

test: $(READY)  ## Every test
	$(BIN)/pytest -q -n 3 --dist worksteal $(TEST_ARGS)

soak: $(READY)  ## Every test in its long form: kills, failing disks, lying receivers, a month
	sh tests/oracles/archives.sh
	$(BIN)/pytest -q -m soak $(TEST_ARGS)
	$(if $(TEST_ARGS),,$(BIN)/pytest -q -n 3 --index postgresql tests/server)

lint: $(READY)  ## Style, types and the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for system in win32 darwin; do $(BIN)/mypy --platform $$system --cache-dir .mypy_cache/$$system $(ON_DEVICES) || exit 1; done
	$(BIN)/mypy -p lakzegel_profiles
	$(BIN)/mypy docs/site/*.py
	$(BIN)/mypy -p lakzegel_linux
	$(BIN)/mypy -p lakzegel_frozen
	$(BIN)/lint-imports

fix: $(READY)  ## What can be mended by itself
	$(BIN)/python docs/site/causes.py
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## Ratios to restic, borg, tar|zstd|age, sha256sum; pages of 200,000 mails; a receiver under load
	$(BIN)/python -m bench.compare $(BENCH_ARGS)
	$(BIN)/python -m bench.verify $(VERIFY_ARGS)
	$(BIN)/python -m bench.collection $(COLLECTION_ARGS)
	$(BIN)/python -m bench.load $(LOAD_ARGS)

package: $(READY)  ## Wheel, .deb, .rpm, what is in them and their sums, in dist/linux/; SIGN=KEY signs
	PYTHONPATH=packaging/linux $(BIN)/python -m lakzegel_linux $(if $(SIGN),--sign $(SIGN)) $(PACKAGE_ARGS)

FROZEN := PYTHONPATH=packaging/frozen:packaging/linux $(BIN)/python -m lakzegel_frozen package
PINNED = --runtime $(RUNTIME) --runtime-sha256 $(RUNTIME_SHA256)

package-macos: $(READY)  ## A .pkg, in dist/frozen/; needs RUNTIME=DIR RUNTIME_SHA256=HEX, ziglang
	$(FROZEN) --target macos-arm64 $(PINNED) --out dist/frozen $(PACKAGE_ARGS)

package-windows: $(READY)  ## An .msi, in dist/frozen/; the same, and msitools with wixl
	$(FROZEN) --target windows-x86_64 $(PINNED) --out dist/frozen $(PACKAGE_ARGS)

site: $(SITE)/.ready  ## The guides as a site, in dist/site: Dutch, English, and the reference
	$(SITE)/bin/python docs/site/build.py dist/site

profiles: $(READY)  ## Every profile that MDM delivers, of the agent's schema of settings
	$(BIN)/python mdm-profiles/generate $(PROFILES_ARGS)

lock: $(READY)  ## Write the hashed lock files anew, keeping pins that still fit
	BIN=$(BIN) sh requirements/lock.sh

check-lock: $(READY)  ## Fail when a lock file is not what pyproject.toml asks for
	BIN=$(BIN) sh requirements/lock.sh --check

check: lint check-lock test  ## What a change must pass; .ci/run does this and more

clean:  ## Remove what was made here, the virtual environment too
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(READY): requirements/dev.txt pyproject.toml $(wildcard */lakzegel_*/locale/*/LC_MESSAGES/*.po)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(SITE)/.ready: requirements/docs.txt
	test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements/docs.txt
	touch $@
