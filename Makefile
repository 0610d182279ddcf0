# Everything here needs make and Python 3.11 or later, nothing else: each target sets up .venv for itself.
# `make demo ARGS=--serve`, `make test ARGS="-k sse"`: what stands in ARGS goes to the command.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test lint format check bench bench-quick accuracy fuzz soak install uninstall lock clean

PYTHON ?=
ARGS ?=
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.runtime ## Watch a streamed answer whose prompt the provider never saw in clear
	$(BIN)/sluice demo $(ARGS)

test: .venv/.dev node-clients ## Run the tests on every core
	$(BIN)/python -m pytest -n auto -q $(ARGS)

lint: .venv/.dev ## Check style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

format: .venv/.dev ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test ## What must pass before a commit: lint and test

bench: .venv/.dev ## Measure against other proxies on this machine
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: .venv/.dev ## The same against nginx alone, in under a minute
	$(BIN)/python -m benchmarks --quick $(ARGS)

accuracy: .venv/.dev ## Measure what is found in labelled text, beside Presidio if it is installed
	$(BIN)/python -m benchmarks accuracy $(ARGS)

fuzz: .venv/.dev ## Send 100,000 malformed or hostile requests: no crash, no hang, no bug, nothing sent on
	$(BIN)/python -m benchmarks.fuzz $(ARGS)

soak: .venv/.dev ## Ten minutes at 80 % load with failing clients and providers (ARGS="--minutes 60")
	$(BIN)/python -m benchmarks.soak $(ARGS)

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
LIBDIR ?= $(PREFIX)/lib/sluice
UNITDIR ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=
# What tests leave out: the environment that builds, what the gateway runs on; and the Python that runs it.
RUNTIME ?= .venv/.runtime
REQUIREMENTS ?= requirements.txt
INTERPRETER ?= $(shell $(BIN)/python -c 'import sys; print(sys._base_executable)')

# Nothing is enabled or started. Files in /etc/sluice that are there already are left as they are.
install: $(RUNTIME) ## Install the service (PREFIX, DESTDIR, SYSCONFDIR)
	rm -rf "$(DESTDIR)$(LIBDIR)"
	install -d "$(DESTDIR)$(LIBDIR)" "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(UNITDIR)"
	install -d -m 0755 "$(DESTDIR)$(SYSCONFDIR)/sluice"
	install -d -m 0700 "$(DESTDIR)$(SYSCONFDIR)/sluice/credentials"
	$(if $(REQUIREMENTS),$(BIN)/python -m pip install -q --target "$(DESTDIR)$(LIBDIR)" --require-hashes -r $(REQUIREMENTS))
	$(BIN)/python -m pip install -q --upgrade --target "$(DESTDIR)$(LIBDIR)" --no-deps --no-build-isolation --no-index .
	printf '#!/bin/sh\nPYTHONPATH=%s exec %s -P -m gateway "$$@"\n' "$(LIBDIR)" "$(INTERPRETER)" >"$(DESTDIR)$(PREFIX)/bin/sluice"
	chmod 0755 "$(DESTDIR)$(PREFIX)/bin/sluice"
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|; s|/etc/sluice/|$(SYSCONFDIR)/sluice/|' systemd/sluice.service >"$(DESTDIR)$(UNITDIR)/sluice.service"
	install -m 0644 systemd/sluice.socket "$(DESTDIR)$(UNITDIR)"
	install -m 0644 docs/sluice.example.toml "$(DESTDIR)$(SYSCONFDIR)/sluice"
	cd "$(DESTDIR)$(SYSCONFDIR)/sluice" && { [ -e sluice.toml ] || install -m 0644 "$(CURDIR)/systemd/sluice.toml" .; }
	cd "$(DESTDIR)$(SYSCONFDIR)/sluice" && { [ -e sluice.env ] || install -m 0600 "$(CURDIR)/systemd/sluice.env" .; }

uninstall: ## Remove what install has put there, but nothing in /etc
	rm -rf "$(DESTDIR)$(LIBDIR)"
	rm -f "$(DESTDIR)$(PREFIX)/bin/sluice"
	rm -f "$(DESTDIR)$(UNITDIR)/sluice.service" "$(DESTDIR)$(UNITDIR)/sluice.socket"

clean: ## Remove the environment, caches and built files
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -rf tests/*/node_modules tests/*/*/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment -------------------------------------------------------------------------------

# A stamp is written last, so whatever stopped halfway is done again. `demo` installs only what runs.
.venv/.python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  found=$$python; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
	  echo "==> Making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv && touch $@; exit; \
	done; \
	if [ -n "$$found" ]; then \
	  echo "$$found cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
	  echo "On Debian and Ubuntu: apt install python3-venv" >&2; \
	else \
	  echo "Python 3.11 or later is needed, and none was found." >&2; \
	  echo "If it has another name or place: make ... PYTHON=/path/to/python3" >&2; \
	fi; exit 1

.venv/.runtime: .venv/.python requirements.txt pyproject.toml
	@echo "==> Installing what the gateway runs on (requirements.txt, every file checked by its hash)"
	@$(BIN)/python -m pip install -qq --no-compile --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "==> Installing what tests and lint need (requirements-dev.txt, every file checked by its hash)"
	@$(BIN)/python -m pip install -qq --no-compile --require-hashes -r requirements-dev.txt
	@touch $@

# Tests with Node clients keep a package-lock.json beside them; npm leaves a lock of its own when it is done.
NODE_CLIENTS := $(wildcard tests/*/package-lock.json tests/*/*/package-lock.json)
.PHONY: node-clients
node-clients: $(NODE_CLIENTS:package-lock.json=node_modules/.package-lock.json)

%/node_modules/.package-lock.json: %/package-lock.json
	@if command -v npm >/dev/null; then \
	  echo "==> Installing the Node clients of $*"; \
	  (cd $* && npm ci --no-audit --no-fund --loglevel=error) || echo "==> npm failed: their tests will be skipped"; \
	else \
	  echo "==> npm is not here: the tests with Node clients will be skipped"; \
	fi

# From the oldest Python, which needs the most packages. ARGS=--upgrade takes newer versions.
lock: .venv/.python ## Write both requirements files anew from pyproject.toml
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "make clean, then make lock PYTHON=python3.11")'
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/python -m pip install -qq pip-tools
	$(LOCK) -o requirements.txt pyproject.toml
	$(LOCK) --extra dev --extra bench -c requirements.txt -o requirements-dev.txt pyproject.toml

# No address of an index or a folder may get into the files: they must install from anywhere.
LOCK = CUSTOM_COMPILE_COMMAND="make lock" .venv/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe \
	--strip-extras --build-deps-for editable --no-emit-options --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host $(ARGS)
