# One boring command each. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Suites run side by side on the cores there are; each test has its own port and data folder.
WORKERS ?= auto
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'
	@echo "Creating $(VENV) from requirements/dev.lock ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Create .venv from the lock file

.PHONY: demo
demo: setup ## Provision a real site on an embedded AWS, from template to URL (KEEP=1 leaves it up)
	@$(BIN)/python -m autoprovision.embedded.demo $(if $(KEEP),--keep)

.PHONY: debian
debian: ## Install what samples in PHP and Ruby run with (as root, on Debian; says so elsewhere)
	@bash tools/debian.sh

.PHONY: test
test: setup debian ## Every test (unit, contract, workflow, catalog, integration, e2e, architecture)
	@$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile

.PHONY: unit contract workflow catalog integration e2e architecture
unit contract workflow catalog integration e2e architecture: setup ## One suite
	@$(BIN)/python -m pytest tests/$@

.PHONY: samples
samples: setup debian ## Every sample project runs, those too that take minutes to build (10 min)
	@$(BIN)/python -m pytest -m "long or not certify" tests/catalog/test_samples.py tests/catalog/test_containers.py tests/e2e/test_samples.py

.PHONY: certify
certify: setup ## The rollback certificate: every fault at every effect of every workflow (15 min)
	@$(BIN)/python -m tests.certify
	@$(BIN)/python -m pytest -m certify tests/certify

.PHONY: fmt
fmt: setup ## Format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .

.PHONY: lint
lint: setup ## Format and lint, without changing anything
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

LINT_VENV := .venv-lint
$(LINT_VENV)/.ready: requirements/lint.lock
	@$(PYTHON) -m venv $(LINT_VENV)
	@$(LINT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/lint.lock
	@touch $@

.PHONY: templates
templates: setup $(LINT_VENV)/.ready ## Every rule of blueprints, cfn-lint and checkov over every CloudFormation template
	@$(BIN)/cfn-lint infra/*.yaml
	@$(LINT_VENV)/bin/checkov --framework cloudformation -d infra --quiet --compact --skip-download
	@for folder in catalog/*/ examples/blueprints/*/; do $(BIN)/autoprovision blueprint validate $$folder || exit 1; done

.PHONY: types
types: setup ## mypy --strict
	@$(BIN)/mypy

PEERS := .venv-peers
$(PEERS)/.ready: requirements/peers.lock
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/peers.lock
	@cd benchmarks/peers && npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: bench
bench: setup $(PEERS)/.ready ## Every benchmark, beside other tools; wants a quiet machine and node
	@for name in pipeline catalog submissions cold_start cost embedded_aws; do $(BIN)/python -m benchmarks.$$name || exit 1; done

.PHONY: catalog-pages
catalog-pages: setup ## Write the catalog's golden files and pages after a change of blueprints or prices
	@$(BIN)/python tools/render_catalog.py

.PHONY: tours
tours: setup ## Play the tours of the documentation on embedded AWSes, and write what they print
	@$(BIN)/python -m tools.tours --write

.PHONY: package
package: setup ## Build the wheel, with the templates, workflows and the catalog inside
	@$(BIN)/python -m hatchling build -t wheel -d dist

.PHONY: openapi
openapi: setup ## Write openapi.json from the table of operations
	@$(BIN)/python -m autoprovision.functions.openapi

.PHONY: lock
lock: setup ## Renew the lock files (the only target that changes versions)
	@for name in functions dev lint; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements/$$name.lock requirements/$$name.in; done

.PHONY: check-static
check-static: lint types templates ## Everything of `check` but the tests

.PHONY: check
check: check-static test ## Everything CI runs

.PHONY: clean
clean: ## Remove what the other targets made
	@rm -rf $(VENV) $(LINT_VENV) $(PEERS) dist build .mypy_cache .ruff_cache .hypothesis .coverage
