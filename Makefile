# Everything that is done with EatIt; bare `make` says what there is.
# Settings: PORT=8080 where the shop answers, PYTHON= the interpreter, DIRECTORY=.run where the local stack's data lies.
SHELL := /bin/sh
PORT ?= 8080
DEV_PORT ?= 8000
DIRECTORY ?= .run
ENVIRONMENT ?= staging
# Empty: the newest Python 3.11 to 3.14 on PATH.
PYTHON ?=
ARGUMENTS ?=
FUNCTION ?=
EVENT ?= {}
EMAIL ?=
QUEUE ?=
FILE ?=
MAPPING ?=
DRY_RUN ?=
GRACE ?=
URL ?=
# Where a function is called: on the local stack, unless ENVIRONMENT is given on the command line.
WHERE = $(if $(filter command,$(origin ENVIRONMENT)),--environment "$(ENVIRONMENT)",--directory "$(DIRECTORY)")

PY := .venv/bin/python
STACK := $(PY) -m localstack
TESTS := tests/unit tests/functions tests/integration tests/gateway tests/contract tests/browser tests/performance
PYTEST := $(PY) -m pytest -p tests.what_ran

export PYTHON
# uv, where the machine has none of its own.
export PATH := $(PATH):$(CURDIR)/.run/bootstrap/bin

.DEFAULT_GOAL := help
.PHONY: help ready run up stop reset status dev invoke rotate-keys replace-keys admin resync events replay import \
	check-books test test-unit test-functions test-integration test-gateway \
	test-contract test-browser test-faults test-performance bench test-sam \
	sam localstack build openapi lint types imports template pr deploy clean

help: ## Say what there is
	@awk 'BEGIN { FS = ":.*## "; print "EatIt: make TARGET [PORT=8080] [PYTHON=python3.13]\n" } \
		/^[a-z][a-z-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

ready: ## Make .venv from uv.lock (every other target does so by itself)
	@sh localstack/bootstrap.sh

run: ready ## Run the whole shop here, on http://127.0.0.1:8080, until Ctrl-C
	@exec $(STACK) run --directory "$(DIRECTORY)" --port "$(PORT)" $(ARGUMENTS)

up: ready ## The same, in the background
	@exec $(STACK) up --directory "$(DIRECTORY)" --port "$(PORT)" $(ARGUMENTS)

stop: ready ## Stop what `make up` or `make run` started
	@exec $(STACK) stop --directory "$(DIRECTORY)"

reset: ready ## Stop it and forget its data
	@exec $(STACK) reset --directory "$(DIRECTORY)"

status: ready ## Say what runs, and where
	@$(STACK) status --directory "$(DIRECTORY)" || true

dev: ready ## Serve the three apps by uvicorn with reload on DEV_PORT=8000, against the local stack's servers
	@exec $(PY) -m localstack.dev --directory "$(DIRECTORY)" --port "$(DEV_PORT)" --stack-port "$(PORT)"

invoke: ready ## Call one function: make invoke FUNCTION=StoreFunction EVENT=tests/events/rest_list_products.json
	@exec $(STACK) invoke "$(FUNCTION)" '$(EVENT)' --directory "$(DIRECTORY)"

rotate-keys: ready ## Change the keys that sign access tokens, here or at make rotate-keys ENVIRONMENT=staging
	@exec $(PY) -m localstack.invocation KeyRotationFunction '{"action": "rotate"}' $(WHERE)

admin: ready ## Make a registered account an admin, here or elsewhere: make admin EMAIL=anna@example.org [ENVIRONMENT=staging]
	@exec $(PY) -m localstack.make_admin "$(EMAIL)" $(WHERE)

replace-keys: ready ## The same for stolen keys: no token that they signed holds any more (docs/keys.md)
	@exec $(PY) -m localstack.invocation KeyRotationFunction '{"action": "replace"}' $(WHERE)

import: ready ## Put goods in from a file: make import FILE=goods.csv [MAPPING=columns.json] [DRY_RUN=1] [URL=… EMAIL=…]
	@exec $(PY) -m localstack.import_goods "$(FILE)" --directory "$(DIRECTORY)" $(if $(MAPPING),--mapping "$(MAPPING)") \
		$(if $(DRY_RUN),--dry-run) $(if $(URL),--url "$(URL)" --email "$(EMAIL)")

check-books: ready ## Look whether the books balance, here or elsewhere: make check-books [GRACE=30] [ENVIRONMENT=staging]
	@exec $(PY) -m localstack.check_books $(if $(GRACE),--grace "$(GRACE)") $(WHERE)

resync: ready ## Put every active product into the outbox again
	@exec $(STACK) invoke ResyncFunction --directory "$(DIRECTORY)"

events: ready ## What waits in the outbox and the queues, and what is parked and why: make events [ENVIRONMENT=staging]
	@exec $(PY) -m localstack.events $(WHERE)

replay: ready ## Put parked messages back: make replay QUEUE=basket.product-sync [ENVIRONMENT=staging]
	@exec $(PY) -m localstack.events --replay "$(QUEUE)" $(WHERE)

test: ready ## Run all tests but those under SAM; they start their own servers
	@exec $(PYTEST) $(TESTS) $(ARGUMENTS)

test-unit: ready ## Rules alone, no sockets
	@exec $(PYTEST) tests/unit $(ARGUMENTS)

test-functions: ready ## Events straight into the handlers
	@exec $(PYTEST) tests/functions $(ARGUMENTS)

test-integration: ready ## The local stack itself: servers, build, triggers
	@exec $(PYTEST) tests/integration $(ARGUMENTS)

test-gateway: ready ## HTTP through the edge and the gateway
	@exec $(PYTEST) tests/gateway $(ARGUMENTS)

test-contract: ready ## Schemathesis over the three OpenAPI files
	@exec $(PYTEST) tests/contract $(ARGUMENTS)

test-browser: ready ## The documentation's pages in a real browser; says why where there is none
	@exec $(PYTEST) tests/browser $(ARGUMENTS)

test-faults: ready ## Servers killed, stopped and away in the middle of work; minutes, on a stack of its own
	@exec $(PYTEST) tests/faults $(ARGUMENTS)

test-performance: ready ## Import budgets and cold starts, as ratios
	@exec $(PYTEST) tests/performance $(ARGUMENTS)

bench: ready ## Measure what docs/performance.md tells, on a stack of its own (long; best on an idle machine)
	@exec $(PY) -m tests.performance.benchmarks $(ARGUMENTS)

test-sam: ready ## The gateway tests under the real `sam local start-api`; says why where it can't
	@EATIT_STACK_KIND=sam exec $(PYTEST) tests/gateway tests/sam $(ARGUMENTS)

sam: ready ## Serve the same functions by `sam local start-api` (Docker)
	@exec $(PY) -m localstack.sam run --directory "$(DIRECTORY)" --port "$(PORT)" $(ARGUMENTS)

localstack: ready ## Deploy to LocalStack, started from docker-compose.yml (Docker)
	@exec $(PY) -m localstack.localstack_target --directory "$(DIRECTORY)" --port "$(PORT)"

build: ready ## Build functions and layers as `sam deploy` takes them
	@exec $(PY) -m localstack.sam_cli build --config-env "$(ENVIRONMENT)"

openapi: ready ## Write docs/openapi/*.json from the code
	@exec $(PY) -m localstack.openapi

lint: ready ## Check the code's form
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: ready ## Check the types
	@exec $(PY) -m mypy

imports: ready ## Check who imports whom
	@PYTHONPATH=functions:layers/eatit exec .venv/bin/lint-imports

template: ready ## Check template.yaml
	@exec $(PY) -m localstack.sam_cli validate --lint

pr: lint types imports template test ## Everything that has to hold before a change is sent

deploy: build ## Deploy to AWS with your own credentials: make deploy ENVIRONMENT=staging
	@sam=$$($(PY) -c 'from localstack.sam_cli import sam_cli; print(sam_cli())') && \
		"$$sam" deploy --config-env "$(ENVIRONMENT)" $(ARGUMENTS)
	@exec $(PY) -m localstack.after_deploy "$(ENVIRONMENT)"

clean: ## Remove what builds and checks left (not .venv, not the local stack's data)
	@rm -rf .build .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache
	@find functions layers localstack tests -name __pycache__ -type d -prune -exec rm -rf {} +
