# Each target sets up what it needs: an environment in .venv, made once and again when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two processes, each with whole files or folders of tests (tests/conftest.py): shared fixtures are made once.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: help demo test test-all test-kernels check docs coverage bench-learning bench-long bench-loop bench-md bench-queries bench-peers clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No environment could be made; on Debian it takes the package python3-venv."; exit 1; }

$(VENV)/.installed-run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing aiida-concerted and its engines into $(VENV); this takes a few minutes the first time."
	@$(INSTALL) '.[engines,surrogate]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing aiida-concerted, its engines and the test tools into $(VENV); this takes a few minutes the first time."
	@$(INSTALL) '.[engines,surrogate,tests,dev]'
	@touch $@ $(VENV)/.installed-run

demo: $(VENV)/.installed-run ## the whole pipeline on LGPS at demonstration scale, in concerted-demo/
	@$(BIN)/aiida-concerted demo

test: $(VENV)/.installed-test ## unit and engine tests on tiny models
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

test-all: $(VENV)/.installed-test ## everything, the slow tests too
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-kernels: $(VENV)/.installed-test ## the layers that need no AiiDA, tested without it
	@for folder in analysis learning materials plotting reduction; do \
	  $(BIN)/python -m pytest -q -m "not slow" --confcutdir=tests/$$folder tests/$$folder || exit 1; done

check: $(VENV)/.installed-test ## lint, types, layers, dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pip check

docs: $(BIN)/python ## the documentation as HTML, in build/docs
	@$(INSTALL) '.[docs]'
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -b html docs build/docs
	@echo "The documentation is in build/docs/index.html."

coverage: $(VENV)/.installed-test ## whether the stated errors are true: 200 synthetic runs of each kind, in five minutes
	@$(BIN)/python -m benchmarks.coverage

bench-learning: $(VENV)/.installed-test ## frames that the loop picks against random ones, on the published labels below CONCERTED_TEST_DATA
	@$(BIN)/python -m benchmarks.selection

bench-loop: $(VENV)/.installed-test .venv-dpgen/.installed ## the same loop by DP-GEN and by this package: time outside engines, and what kills cost
	@$(BIN)/python -m benchmarks.loop --python .venv-dpgen/bin/python

bench-long: $(VENV)/.installed-test ## time and memory of the analysis command up to 400,000 frames of 900 atoms
	@$(BIN)/python -m benchmarks.long_run

bench-md: $(VENV)/.installed-test ## ns a day with the paper's nets by size, what the work chain of a run costs, and bytes of a frame
	@$(BIN)/python -m benchmarks.md_speed
	@$(BIN)/python -m benchmarks.md_overhead
	@$(BIN)/python -m benchmarks.md_size

bench-queries: $(VENV)/.installed-test ## seconds that queries take in a profile of 100,000 results on SQLite
	@$(BIN)/python -m benchmarks.query_speed

bench-peers: $(VENV)/.installed-test .venv-peers/.installed ## the same trajectory analysed by this package and by others
	@.venv-peers/bin/python -W ignore -m benchmarks.peer_facts
	@$(BIN)/python -m benchmarks.peers --python .venv-peers/bin/python

.venv-peers/.installed: benchmarks/requirements-peers.txt
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.venv-dpgen/.installed: pyproject.toml
	@$(PYTHON) -m venv .venv-dpgen
	@.venv-dpgen/bin/python -m pip install --quiet --disable-pip-version-check dpgen==0.14.0
	@touch $@

clean: ## remove the environment and caches, never results
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
