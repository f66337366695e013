# Relance: `make demo` shows the main job, `make up` keeps it running, `make test` proves it. Each installs what is missing.

.PHONY: help install demo up test drill bench check format lock clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
HALF_DONE := $(VENV)/.installing
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
LOCKED := --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate
PYTHONS := $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## */  make \1|/' | column -t -s '|' 2>/dev/null \
	  || grep -hE '^[a-z]+:.*##' Makefile

install: $(INSTALLED)  ## Make the virtual environment from the lock file

# An environment that an earlier run left half done (the marker is still there, or pip does not even start) is made anew.
$(INSTALLED): requirements.lock pyproject.toml
	@if [ -e $(HALF_DONE) ] || ! $(BIN)/python $(NEW_ENOUGH) 2>/dev/null || ! $(PIP) --version >/dev/null 2>&1; then \
	  for python in $(PYTHONS); do \
	    if $$python $(NEW_ENOUGH) >/dev/null 2>&1; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Relance needs Python 3.11 or newer: install it, or name it with 'make PYTHON=/path/to/python $(MAKECMDGOALS)'." >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$($$found --version) ..."; \
	  $$found -m venv --clear $(VENV) || { \
	    echo "That Python cannot make virtual environments (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
	fi
	@touch $(HALF_DONE)
	@echo "Installing what requirements.lock names (a minute or two the first time) ..."
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@rm -f $(HALF_DONE)
	@touch $@

demo: $(INSTALLED)  ## Run a campaign against the simulator, from CSV to result, and check the simulator's own log
	@$(BIN)/relance demo

up: $(INSTALLED)  ## Run the whole stack until Ctrl-C
	@$(BIN)/relance up

# Three processes share the tests, file by file; those that judge times run in one of them, and the others give way to
# them meanwhile (tests/turns.py).
IN_TURNS := -n 3 --dist loadfile --no-loadscope-reorder

test: $(INSTALLED)  ## Run the tests (ARGS="-k name" picks some)
	@$(BIN)/python -m pytest $(or $(ARGS),$(IN_TURNS))

drill: $(INSTALLED)  ## Break a stack of its own in every way it must survive (ARGS="--seed 7 --only F03")
	@$(BIN)/relance drill $(ARGS)

bench: $(INSTALLED)  ## Measure speed and cost against baselines of the same run (ARGS="-k name" picks some)
	@$(BIN)/python -m pytest tests/benchmarks -m benchmark $(ARGS)

check: $(INSTALLED)  ## Format, lint, types and import directions, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)  ## Format the code and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## Write requirements.lock and requirements.runtime.lock anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile pyproject.toml --group dev $(LOCKED) -o requirements.lock
	uv pip compile pyproject.toml -c requirements.lock $(LOCKED) -o requirements.runtime.lock

clean:  ## Remove the virtual environment and the tools' caches; data (.relance) stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
