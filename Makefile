# The front door. `make help` says it all; every target sets up what it needs.

# --- options, given as NAME=value after make ---
PYTHON        ?= python3
PORT          ?= 8080
ENDPOINT_PORT ?= 4566
STATE         ?= .local
ENV           ?= local
AUTH          ?= false
export PORT ENDPOINT_PORT STATE ENV AUTH GATEWAY EMULATOR COLD ORDERS VISITS CATALOG SERVICE FOLLOW FUNCTION EVENT QUEUE REDRIVE DELETE REASON BUYERS UNITS FROM TO AT EXAMPLES NAME REPLACE CANARY CONFIRM DATA BRANCH DAYS BASE REPOSITORY

# Whatever the shell says, compiled modules are kept: the SAM CLI starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
venv  := .local/venv/bin
souk  := $(venv)/python -m tools
tests := tests

help:
	@echo "Souk: a shop of independent services on AWS serverless, run here without Docker or an AWS account."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2} /^## / {printf "\n%s\n", substr($$0, 4)}' Makefile
	@echo
	@echo "Options: PORT=8080 (the shop), ENDPOINT_PORT=4566 (the AWS emulator), STATE=.local (where the stack keeps its"
	@echo "state: with another one and other ports, a second stack runs beside the first), PYTHON=python3.12,"
	@echo "AUTH=true (the emulator enforces the functions' IAM policies), GATEWAY=rest (a REST API for each service),"
	@echo "EMULATOR=localstack (LocalStack's open core in place of MiniStack; nothing is kept over a stop there)."

## What you need first
run: setup ## Start the whole shop in the background and buy something (CATALOG=products.csv for another catalog)
	@$(souk) run
status: setup ## Say what runs where, what is deployed, and what waits in the queues
	@$(souk) status
logs: setup ## Show the functions' logs (SERVICE=orders, FOLLOW=1)
	@$(souk) logs
watch: setup ## Put each edited function live about two seconds after it is saved
	@$(souk) watch
stop: setup ## Stop it, keeping its state
	@$(souk) stop
reset: setup ## Stop it and throw its state away
	@$(souk) reset
fmt: setup ## Put the code into shape
	@$(venv)/ruff check --quiet --fix . || true
	@$(venv)/ruff format --quiet .
lint: setup ## Check code, types, imports between services and templates; edits nothing
	@$(souk) lint
unit: setup ## The fast tests only (SERVICE=orders for one service's: seconds)
	@$(venv)/pytest -n 2 $(if $(SERVICE),tests/unit/$(SERVICE),-m "not integration and not e2e" $(tests))
ifdef EMULATOR
test: setup ## Everything: lint, types, unit, contract, simulation, integration and browser tests (EMULATOR=localstack: integration there)
	@$(venv)/pytest $(tests)/integration
else
test: lint
	@$(venv)/pytest -n 4 $(tests)
endif

## The shop on this machine
mail: setup ## Show the e-mails sent so far
	@$(souk) mail
invoke: setup ## Run a built function on the real Lambda runtime (FUNCTION=orders/HttpFunction EVENT=events/http/orders/place.json)
	@$(souk) invoke
race: setup ## Run the races shops lose on the running stack (BUYERS=200 UNITS=20)
	@$(souk) race
chaos: setup ## Break one service at a time on the running stack and see that nothing is lost (SERVICE=orders for one)
	@$(souk) chaos

## Operating (docs/operating.md)
deploy: setup ## Deploy to AWS, or to AWS_ENDPOINT_URL (ENV=dev, SERVICE=orders for one, REPLACE=OrdersTable where data may go)
	@$(souk) deploy
undeploy: setup ## Delete an environment's stacks (ENV=dev CONFIRM=dev); tables and buckets stay, unless DATA=delete
	@$(souk) undeploy
rotate-edge: setup ## Make another secret for the edge, which the next deploy brings (ENV=prod)
	@$(souk) rotate-edge
rotate-signing: setup ## Make another secret for quotes and order links; the one before goes on verifying (ENV=prod)
	@$(souk) rotate-signing
preview: setup ## Name a branch's environment (BRANCH=…), or delete those of branches that are over their time (DAYS=3)
	@$(souk) preview
pipeline: setup ## Let GitHub deploy an environment, with a role for each stack (ENV=prod REPOSITORY=owner/name, SERVICE=orders for one)
	@$(souk) pipeline
ready: setup ## Say what is missing before the shop opens, each with the command that mends it (ENV=prod)
	@$(souk) ready
legal: setup ## What the law wants on the pages, and whether it is there: help, not advice (ENV=prod)
	@$(souk) legal
audit: setup ## Recompute stock and money from the ledgers and facts, and compare with the tables (ENV=prod)
	@$(souk) audit
dlq: setup ## Show dead letters and send them back or delete one (QUEUE=souk-local-orders-inbox-dlq, REDRIVE=all or an id, DELETE=an id REASON=why)
	@$(souk) dlq
restore-drill: setup ## Restore a table beside the live one, compare and delete it (ENV=prod SERVICE=orders AT=…); locally: lose the orders table, restore it, audit
	@$(souk) restore-drill
replay: setup ## Send facts from the archive again and prove that it changes nothing (FROM=… TO=… SERVICE=inventory)
	@$(souk) replay

## Development
service: setup ## Write a small new service that works, to grow from (NAME=reviews)
	@$(souk) service
	@$(MAKE) contracts
simulate: setup ## Every handler in one process under every fault (SEEDS=1000; SEED=7 replays one, ABOUT=ord_… of it; BUGS=1)
	@$(venv)/python -m tests.simulation --jobs $(or $(JOBS),2) $(if $(BUGS),--bugs) $(if $(SEED),--seed $(SEED)) \
	  $(if $(SEEDS),--seeds $(SEEDS),$(if $(SEED),,--seeds 1000)) $(if $(ABOUT),--about $(ABOUT)) $(if $(VERBOSE),--verbose)
contracts: setup ## Write event schemas, samples and OpenAPI pages from the code (UNPUBLISHED=1 also where events break)
	@$(venv)/python -m tools.contracts.schemas $(if $(UNPUBLISHED),--unpublished)
	@$(venv)/python -m tools.contracts.openapi
	@$(venv)/python -m tools.contracts.service_map
	@$(venv)/python -m tools.contracts.http_events
build: setup ## Build every stack that changed (SERVICE=orders for one)
	@$(souk) build
pictures: setup ## Take the screenshots of docs/images/ anew, in a browser on the stack of the browser tests
	@SOUK_PICTURES=docs/images $(venv)/pytest tests/e2e/test_quality.py -k picture
lighthouse: setup ## Score home, product and checkout of the running shop with Lighthouse (needs Node.js)
	@$(souk) lighthouse

## Outside judges (docs/security.md)
judges: setup ## All of the following, the later three against the running stack
	@$(PYTHON) tools/local/bootstrap.py judges
	@$(souk) judge
bandit checkov pip-audit oidc probe schemathesis: setup
	@$(PYTHON) tools/local/bootstrap.py judges
	@$(souk) judge $@
bandit:       ## Judge the code
checkov:      ## Judge the templates
pip-audit:    ## Look for known flaws in what is locked
oidc:         ## Log in, have authlib verify the tokens, rotate the keys, verify again
probe:        ## Try the front door with what attackers send
schemathesis: ## Fuzz every service by its OpenAPI page (SERVICE=orders EXAMPLES=20)

## Cost and speed (docs/performance.md)
bench: setup ## Count what orders and visits take, weigh the artifacts, time cold starts (COLD=0 leaves these out)
	@$(venv)/python -m tests.bench
growth: setup ## See how cost grows with products, customers and orders, with lines and with batches; draws docs/images/growth-*.svg
	@$(PYTHON) tools/local/bootstrap.py pictures
	@PYTHONHASHSEED=0 $(venv)/python -m tests.bench.growth
	@.local/pictures/bin/python tests/bench/draw.py
bench-imports: setup ## Count what an import takes for each product: units and calls
	@$(venv)/python -m tests.bench.imports
flash-sale: setup ## Sell 1,000 units to 10,000 buyers at once in virtual time, and draw it (LIVE=1: on the running stack, BUYERS=500 UNITS=100)
ifdef LIVE
	@$(souk) flash-sale
else
	@$(PYTHON) tools/local/bootstrap.py pictures
	@$(venv)/python -m tests.bench.flash_sale
	@.local/pictures/bin/python tests/bench/draw_flash_sale.py
endif
hops: setup ## Time the hops from POST /orders to confirmed on the running stack (ORDERS=30)
	@$(venv)/python -m tests.bench.hops
capacity: setup ## On paper: 1 million, 100 million and 10 billion orders a month, and what breaks first
	@$(venv)/python -m tests.bench.capacity
cost: setup ## The bill of a month on AWS, on paper (ORDERS=1000000 VISITS=20000000)
	@$(venv)/python -m tests.bench.cost

## This repository
changed: setup ## What this branch touches, as JSON: the stacks to deploy and the tests to run (BASE=origin/main)
	@$(souk) changed
setup: ## Make the virtual environments in .local/ if they are missing or out of date
	@$(PYTHON) tools/local/bootstrap.py
lock: setup ## Lock the requirements again after a change of requirements/*.in
	@$(souk) lock
clean: ## Remove builds and virtual environments; the stack's state stays
	@rm -rf .aws-sam .local/venv .local/emulator .local/localstack .local/judges .local/pictures .local/uv .local/cache

.PHONY: help run stop reset status logs mail dlq audit ready legal race chaos replay restore-drill watch fmt lint test unit simulate contracts build invoke service deploy undeploy rotate-edge rotate-signing preview pipeline changed setup lock clean pictures lighthouse growth flash-sale hops capacity \
  judges bandit checkov pip-audit oidc probe schemathesis
