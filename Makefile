# Needs Python 3.11+, make and git. Everything is installed into .venv beside this file.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install -qq --disable-pip-version-check
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers docs check bench calibration tables clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Judge a recorded rollout tick by tick and write an HTML report
	@$(VENV)/bin/canarystats demo

test: $(VENV)/.dev ## Run the whole test suite, docs and notebooks included
	@$(RUN) -m pytest $(ARGS)

lint: $(VENV)/.dev ## Check style and formatting
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev ## Check types, strictly
	@$(VENV)/bin/mypy

layers: $(VENV)/.dev ## Check that lower layers import nothing from higher ones
	@$(VENV)/bin/lint-imports

docs: $(VENV)/.dev ## Run every example of README and docs, and the notebooks
	@$(RUN) -m pytest tests/docs $(ARGS)

check: lint types layers test ## All of the above but the demo

bench: $(VENV)/.dev ## Measure footprint and speed
	@$(RUN) benchmarks/footprint.py
	@$(RUN) benchmarks/speed/mann_whitney.py
	@$(RUN) benchmarks/speed/one_look.py

calibration: $(VENV)/.dev ## Simulate error rates at full size (minutes)
	@$(RUN) -m pytest -m calibration $(ARGS)

tables: $(VENV)/.dev ## Simulate tables of docs: many looks, anomalies (half an hour and more)
	@for part in many_looks delays fleet rollouts planned prices single_pods two_days onsets restarts; do \
	  $(RUN) -m benchmarks.calibration.$$part --keep || exit 1; done
	@$(RUN) -m benchmarks.calibration.page
	@$(RUN) -m benchmarks.quality.anomalies

clean: ## Remove .venv, caches and reports
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf build dist canarystats-report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says what .venv holds; it is old once pyproject.toml asks for something else.
$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "canarystats needs Python 3.11 or newer, and there is no $(PYTHON); try: make PYTHON=/path/to/python3"; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "canarystats needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1); try: make PYTHON=python3.12"; \
	  exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.made
	@echo "installing canarystats and what it needs into $(VENV); once, about a minute"
	@$(PIP) --editable '.[plot]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo "installing canarystats and its tools into $(VENV); once, a minute or two"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo
