# `make sweep` and `make test` on a fresh machine: Python 3.11 or newer, make and a package registry are all they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
RIVALS := $(VENV)/.rivals
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup sweep report test test-all test-slurm check bench bench-gpu faults tidy ui clean

help: ## what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(READY) ## create .venv and install into it; the other targets do it themselves

sweep: $(READY) ## the study's seven settings over five seeds (35 runs, some minutes), and their report
	$(BIN)/python train.py -m experiment=guan2024

report: $(READY) ## rebuild the last sweep's report
	$(BIN)/python -m simplicity_sweep.report

test: $(READY) ## the tests, without the slow ones
	$(PYTEST) -m 'not slow and not slurm'

test-all: $(READY) ## every test
	$(PYTEST)

test-slurm: $(READY) ## the tests on a real Slurm of this one machine (Debian: slurm-wlm, munge, postgresql)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[slurm]' psycopg2-binary
	$(BIN)/python -m pytest -m slurm tests/slurm

check: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(RIVALS): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

bench: $(RIVALS) ## speed, as ratios measured in one run (about half an hour)
	$(BIN)/python bench/training.py
	$(BIN)/python bench/shapes.py
	$(BIN)/python bench/measurements.py
	$(BIN)/python bench/sweep.py
	$(BIN)/python bench/search.py

bench-gpu: $(READY) ## a sweep of 700 runs on a GPU
	$(BIN)/python bench/sweep.py 10 100 gpu

faults: $(READY) ## kills sweeps and goes on with them, two hundred times, and counts what is lost (an hour)
	$(BIN)/python -m bench.faults

tidy: $(READY) ## close the runs that processes which are gone have left RUNNING
	$(BIN)/python -m simplicity_sweep.sweep tidy

ui: $(READY) ## MLflow's own UI on 127.0.0.1, at the last sweep's page
	$(BIN)/python -m simplicity_sweep.ui

clean: ## remove what was built; sweeps, data and the store stay
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
