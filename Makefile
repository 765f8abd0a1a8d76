# Two commands do it all on a fresh machine: `make demo` and `make test`. Both set up what they need, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done

.PHONY: setup demo test lint format lock clean

setup: $(STAMP)

$(STAMP): Makefile requirements.lock pyproject.toml pipelines/setup.py pipelines/warm_up.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Altaviz needs Python 3.11 (this is %s): install it or run make PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock || $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -m pipelines.setup
	@touch $@

demo: setup
	@$(BIN)/altaviz demo

test: setup lint
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Resolve the dependencies anew; the lock names versions only, never where they come from.
lock:
	$(BIN)/uv pip compile --quiet --python-version 3.11 --extra all --group dev --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --output-file requirements.lock --upgrade

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache *.egg-info
