# `make demo` runs the main job and serves the portal; `make test` runs every check.
# Nothing needs to be installed by hand beyond Python 3.11 or newer.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
PORT ?= 8000
TEST_WORKERS ?= 2
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)

# $(call install,LOCK FILE): uv where it is present, else venv and pip; the hashes decide either way.
define install
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); \
	fi
endef

# The demo, the tests and the trials start many processes: each file is compiled once for all of them.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo serve test lint database-tests lock clean

demo: $(VENV)/.run
	@$(BIN)/python manage.py demo --out var/demo --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

serve: $(VENV)/.run
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py serve --port $(PORT)

# Each test worker keeps to its own core.
test database-tests: export OPENBLAS_NUM_THREADS := 1

# Browser tests run apart: Playwright keeps an event loop in its process, in which Django refuses
# synchronous database calls.
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup --ignore tests/browser
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile tests/browser

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	NPA_MODE=production SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))') \
	NPA_VAULT_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))') \
	NPA_BLIND_INDEX_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))') \
	NPA_SIGNING_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))') \
	NPA_TOKEN_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))') \
	$(BIN)/python manage.py check --deploy --fail-level WARNING

# The same suite against the database of DATABASE_URL: what uses one (the trials bring their own
# PostgreSQL each time), and of the pages in a browser only those that read and write whole tapes.
database-tests: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup --database-only \
		--ignore tests/pricing --ignore tests/browser --ignore tests/portal/test_trials_served.py
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile \
		tests/browser/test_intake.py tests/browser/test_package_path.py

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt

clean:
	rm -rf $(VENV) var

$(VENV)/.run: requirements/run.txt
	$(call install,$<)
	@touch $@

$(VENV)/.dev: requirements/dev.txt
	$(call install,$<)
	@touch $@ $(VENV)/.run
