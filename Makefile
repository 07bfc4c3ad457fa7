# Everything one does with the project, by name. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
#: What make run passes on: make run KAFKA=1 GATEWAY_PORT=9000
RUN_FLAGS := $(if $(KAFKA),--kafka) \
	$(if $(GATEWAY_PORT),--gateway-port $(GATEWAY_PORT)) \
	$(foreach name,GATEWAY_OPERATIONS CONTROL_API CONTROL_API_OPERATIONS WORKER_OPERATIONS,$(if $($(name)_PORT),--$(subst _,-,$(shell echo $(name) | tr A-Z a-z))-port $($(name)_PORT)))

#: Most tests wait for servers: make test PROCESSES=3. Those that share one go to one process, see
#: tests/scheduling.py.
PROCESSES ?= 1
PARALLEL := $(if $(filter-out 1,$(PROCESSES)),-n $(PROCESSES) --dist loadscope --no-loadscope-reorder)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(INSTALLED) ## Run everything here: PostgreSQL, gateway, worker, control API, a demo tenant (KAFKA=1 adds a broker)
	@exec $(BIN)/python -m deploy.local $(RUN_FLAGS)

.PHONY: demo
demo: $(INSTALLED) ## Walk through the features against a running `make run`, checking each step
	@$(BIN)/python -m deploy.local --demo $(RUN_FLAGS)

.PHONY: test
test: $(INSTALLED) ## Run every test: unit, integration, end to end (PROCESSES=3: three at a time)
	$(BIN)/pytest $(PARALLEL)

.PHONY: check
check: $(INSTALLED) ## The fast gate, which edits nothing: format, lint, types, import rules, unit tests
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit -q

.PHONY: fmt
fmt: $(INSTALLED) ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

.PHONY: unit
unit: $(INSTALLED) ## Run the unit tests
	$(BIN)/pytest tests/unit -q

.PHONY: integration
integration: $(INSTALLED) ## Run the tests on real PostgreSQL and Kafka
	$(BIN)/pytest tests/integration $(PARALLEL)

.PHONY: e2e
e2e: $(INSTALLED) ## Run the tests on real processes, faults included
	$(BIN)/pytest tests/e2e $(PARALLEL)

.PHONY: fuzz
fuzz: $(INSTALLED) ## Let schemathesis try the control API for long (SECONDS_LONG=600 SEED=2)
	POSTERN_FUZZ_SECONDS=$(or $(SECONDS_LONG),600) POSTERN_FUZZ_SEED=$(or $(SEED),$$RANDOM) \
		$(BIN)/pytest -s tests/integration/control_api/test_schemathesis.py

.PHONY: chaos
chaos: $(INSTALLED) ## Send signed traffic while things break, then check every event (FAULTS=120 DELIVERIES=20000 RATE=80 SEED=1 WORKFLOWS=0)
	$(BIN)/python -m tests.chaos $(foreach name,FAULTS DELIVERIES RATE SEED WORKFLOWS,$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z) $($(name))))

.PHONY: bench
bench: $(INSTALLED) ## Measure in a short form; docs/benchmarks.md has the long ones and their results
	$(BIN)/python -m tests.benchmark

.PHONY: migrate
migrate: $(INSTALLED) ## Migrate the database of POSTERN_DATABASE_URL
	$(BIN)/python -m shared.database.migrate

.PHONY: topics
topics: $(INSTALLED) ## Create and check the Kafka topic that the settings name
	$(BIN)/python -m shared.queue.topics

.PHONY: schema
schema: $(INSTALLED) ## Write shared/database/schema.sql anew from the migrations
	$(BIN)/python -m deploy.schema

.PHONY: settings
settings: $(INSTALLED) ## Write deploy/example.env anew from the settings
	$(BIN)/python -m deploy.example_env

.PHONY: actions
actions: $(INSTALLED) ## Write docs/actions.md anew from the models of the actions
	$(BIN)/python -m deploy.action_reference

.PHONY: openapi
openapi: $(INSTALLED) ## Write docs/openapi.json anew (RELEASE=1: it becomes what later changes must not break)
	$(BIN)/python -m deploy.openapi_document $(if $(RELEASE),--release)

.PHONY: client
client: $(INSTALLED) ## Write the generated part of postern/client anew from docs/openapi.json
	$(BIN)/python -m deploy.client_code

.PHONY: lock
lock: $(INSTALLED) ## Resolve the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade \
		deploy/bootstrap.in -o deploy/bootstrap.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade \
		--extra dev pyproject.toml -o requirements.lock

$(INSTALLED): requirements.lock deploy/bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/bootstrap.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	@# Postern itself, as it stands here: packages with actions or workflows import it wherever they are run.
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --offline --no-deps --no-build-isolation -e .
	@touch $@
