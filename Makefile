# Two commands do it all on a fresh machine: `make demo` and `make test`. Both set up what they need, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done

.PHONY: setup demo test test-fast coverage lint format docs pictures lock audit sbom clean

setup: $(STAMP)

$(STAMP): Makefile requirements.lock pyproject.toml pipelines/runtime/setup.py pipelines/lakehouse/spark_warm_up.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Altaviz needs Python 3.11 (this is %s): install it or run make PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^[^ ]/ {on = /^uv==/} on' requirements.lock >$(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pipelines.runtime.setup
	@touch $@

demo: setup
	@$(BIN)/altaviz demo

test: setup lint # tests/test_site.py builds the site
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder

# The edit loop: the tests that need no Spark, no TensorFlow and no server (tests/edit_loop.py chooses them).
test-fast: setup
	$(BIN)/python -m pytest -n 2 --fast

# All tests, and which lines they ran; fails below the floor in pyproject.toml.
coverage: setup
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 2 --no-loadscope-reorder
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation site; open site/index.html. A dead link or anchor, or a page outside the navigation, fails.
docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The pictures of the documentation, from a home that `altaviz demo` has made: make pictures DEMO_HOME=/path/to/home
DEMO_HOME ?= $(or $(ALTAVIZ_HOME),var)

pictures: setup
	@$(BIN)/python -m pipelines.documentation.screenshots --home $(DEMO_HOME)
	@$(BIN)/python -m pipelines.documentation.pictures --home $(DEMO_HOME)

# Resolve the dependencies anew; the lock names versions and the SHA-256 of their files, never where they come from.
lock:
	$(BIN)/uv pip compile --quiet --python-version 3.11 --extra all --group dev --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --output-file requirements.lock --upgrade

# Known vulnerabilities of the locked packages; fails too when the database cannot be reached (docs/security/supply-chain.md).
audit: setup
	@$(BIN)/python -m pipelines.runtime.audit

# What this environment consists of, as CycloneDX.
sbom: setup
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file sbom.json $(BIN)/python
	@echo "sbom.json is written"

clean:
	rm -rf $(VENV) var site .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.* *.egg-info sbom.json
