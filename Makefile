# A fresh machine needs Python 3.11 or newer, make and git; everything else is set up under .venv.
# `make help` lists the targets.

PYTHON ?= python3
WORKERS ?= auto

VENV := .venv
BIN := $(VENV)/bin
UV := VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv
APP := $(VENV)/.set-up-app
TEST := $(VENV)/.set-up-test
LINT := $(VENV)/.set-up-lint
DOCS := $(VENV)/.set-up-docs
OLDEST := $(VENV)/oldest

# One thread per process: the workers of pytest, or of joblib, are what fills the cores.
# SCIPY_ARRAY_API lets scikit-learn's common checks try tensors too.
ONE_THREAD := SCIPY_ARRAY_API=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
PYTEST_ARGUMENTS := -n $(WORKERS) --maxprocesses 8

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint format docs notebooks bench studies studies-reduced extras oldest clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) \
		| while IFS='|' read -r target text; do printf '%-18s %s\n' "$$target" "$$text"; done

demo: $(APP) ## compare fusion strategies on a simulated cohort
	$(BIN)/skfuse demo

test: $(TEST) ## run the tests and the examples in docstrings
	$(ONE_THREAD) $(BIN)/python -m pytest $(PYTEST_ARGUMENTS)

lint: $(LINT) ## check style, format and the layers of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(LINT) ## rewrite the code as lint wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DOCS) ## build the documentation into docs/_build/html, warnings as errors, without network
	rm -rf docs/generated
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

notebooks: $(DOCS) ## execute every notebook; what they print is thrown away
	@output=$$(mktemp -d) && trap 'rm -rf "$$output"' EXIT && \
		$(ONE_THREAD) $(BIN)/python -m nbconvert --to notebook --execute --output-dir "$$output" notebooks/*.ipynb

bench: $(TEST) ## run the benchmarks against other ways to the same result
	$(BIN)/python -m benchmarks

studies: $(TEST) ## run the longer simulation studies
	$(ONE_THREAD) $(BIN)/python -m benchmarks.studies

studies-reduced: $(TEST) ## run a short form of each study, which writes no results
	$(ONE_THREAD) $(BIN)/python -m benchmarks.studies --reduced

extras: $(BIN)/uv ## install each extra into an environment of its own, import it and use it
	$(BIN)/python .ci/check_extras.py

oldest: $(BIN)/uv ## run the tests on the oldest supported dependencies
	$(BIN)/uv venv --clear --quiet --python $(BIN)/python $(OLDEST)
	VIRTUAL_ENV="$(CURDIR)/$(OLDEST)" $(BIN)/uv pip install --resolution lowest-direct -e ".[app,imaging]" --group test
	$(ONE_THREAD) $(OLDEST)/bin/python -m pytest $(PYTEST_ARGUMENTS)

clean: ## remove the environments and everything built
	rm -rf $(VENV) docs/_build docs/generated docs/gallery docs/sg_execution_times.rst skfuse-demo dist
	rm -rf .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find benchmarks docs skfuse tests -name __pycache__ -type d -prune -exec rm -rf {} +

# pip knows no dependency groups before 25.1, so it installs only uv, and uv installs the rest.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "skfuse needs Python 3.11 or newer; name one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# Set-up is redone when pyproject.toml changes.
$(APP): pyproject.toml | $(BIN)/uv
	$(UV) pip install -e ".[app]"
	@touch $@

$(TEST) $(LINT) $(DOCS): $(VENV)/.set-up-%: pyproject.toml | $(BIN)/uv
	$(UV) pip install -e ".[app,imaging]" --group $*
	@touch $@
