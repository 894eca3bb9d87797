# Everything runs in an environment of its own, .venv, made on first use.
PYTHON ?= python3
VENV := .venv
# Tests wait a third of their time, for processes and timers: three at once keep two cores busy.
WORKERS ?= 3
LABORATORIES ?= 3
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE :=
# Clients of others, in the versions that docs/clients.md names; made on first use.
INTEROP := .venv-interop

.PHONY: run test interop lint bench dist clean

run: $(VENV)/run.stamp
	$(BIN)/twincast lab --once

test: lint
	$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile --ignore=tests/netns --ignore=tests/clients
	$(BIN)/pytest --numprocesses=$(LABORATORIES) --dist=loadfile --no-loadscope-reorder tests/netns

interop: $(VENV)/run.stamp $(INTEROP)/stamp
	TWINCAST_PYTHON=$(abspath $(BIN)/python) $(INTEROP)/bin/python -m pytest \
		--numprocesses=$(WORKERS) --dist=loadfile tests/clients

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench

# A wheel and an sdist in dist/, without a network.
dist: $(VENV)/test.stamp
	rm -rf build dist
	$(BIN)/python -c 'from setuptools import build_meta as made; made.build_sdist("dist"); made.build_wheel("dist")'

$(VENV)/run.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp pyproject.toml
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

$(INTEROP)/stamp: tests/clients/requirements.txt tests/clients/fetch_collections.py
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/pip install --quiet --no-compile --requirement tests/clients/requirements.txt
	$(INTEROP)/bin/python tests/clients/fetch_collections.py $(INTEROP)/collections
	touch $@

clean:
	rm -rf $(VENV) $(INTEROP) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
