# SvP Lab: `make app` opens it, `make test` runs every test. Both first make what they need in .venv.

.DEFAULT_GOAL := help
.PHONY: help app test lint venv environment test-environment

# The Python that .venv is made with. Another one: make app PYTHON=/path/to/python3.12
PYTHON ?= $(firstword $(foreach python,python3 python3.13 python3.12 python3.11 python,\
	$(if $(shell $(python) -c "import sys, ensurepip, venv; print(sys.version_info >= (3, 11) or '')" 2>/dev/null),$(python))))
VENV := .venv/bin/python
# Not --quiet: a large download without a progress bar looks like a hang.
INSTALL := $(VENV) -m pip install --disable-pip-version-check --no-input --progress-bar on

help:
	@echo "make app    set up (the first time takes some minutes) and open the app on this machine"
	@echo "make test   set up and run every test, those in a browser too"
	@echo "make lint   check style, formatting and types of the code"

app: environment
	@$(VENV) -m svp_core install-samples
	@echo "Opening SvP Lab."
	@$(VENV) -m svp_core app

# In three processes, since those in a browser wait a lot (tests/helpers/scheduling.py); what was skipped is reported by name.
test: test-environment
	@$(VENV) -m pytest -n 3 -rs --no-fold-skipped --timeout 300 --durations 10

lint: test-environment
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m basedpyright

# Installed again only when a list has changed: .venv keeps a copy of the lists it was made from.
environment: venv
	@cmp -s requirements.txt .venv/installed.txt || { \
		echo "Installing the packages of requirements.txt. The first time, PyTorch is a large download (some minutes)." && \
		$(INSTALL) -r requirements.txt && \
		echo "Installing SvP Lab itself." && \
		$(INSTALL) --quiet --no-deps -e . && \
		cp requirements.txt .venv/installed.txt; }

test-environment: environment
	@cat requirements.txt requirements-server.txt requirements-cluster.txt requirements-test.txt | cmp -s - .venv/installed-test.txt || { \
		echo "Installing the packages of requirements-test.txt." && \
		$(INSTALL) -r requirements-test.txt && \
		cat requirements.txt requirements-server.txt requirements-cluster.txt requirements-test.txt > .venv/installed-test.txt; }

# An environment without a working pip was interrupted while it was made, and is made again.
venv:
	@$(VENV) -m pip --version >/dev/null 2>&1 || { \
		if [ -z "$(PYTHON)" ]; then \
			echo "SvP Lab needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv);" \
				"found: $$(python3 --version 2>&1 | head -n 1)" >&2; exit 2; \
		fi; \
		echo "Making a Python environment in .venv with $(PYTHON)."; \
		$(PYTHON) -m venv --clear .venv; }
