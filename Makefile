# Two commands are all a newcomer needs: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= $(or $(NIGHTDESK_HOME),.)
STAMP := $(VENV)/.installed
# As many workers as cores: more would starve the desks under test, whose own workers yield to everything else.
WORKERS ?= 2
DEV_STAMP := $(VENV)/.installed-dev
# Modules are compiled once, when they are installed: a desk and its tests start hundreds of processes, and on a full disk
# Python leaves torn ones, with which nothing starts any more.
export PYTHONDONTWRITEBYTECODE := 1
COMPILE := $(BIN)/python -m compileall -q config data_pipeline evaluation trainers daemon

.PHONY: setup run test slow check bench

setup: $(STAMP)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nightdesk needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Cure: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	$(COMPILE)
	touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(COMPILE) tests
	touch $(STAMP) $@

run: $(STAMP)
	$(BIN)/nightdesk --home $(HOME_DIR) run

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -n $(WORKERS)

slow: $(DEV_STAMP)
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest --hypothesis-profile=thorough tests/property

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/golden/test_constraints.py

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks
