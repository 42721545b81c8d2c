# Everything a developer or CI does. Needs Python 3.11 or newer and make; all else is installed into .venv, and what
# `make conformance` needs of npm into conformance/node_modules.

PORT ?= 8000
DATA_DIR ?= .data
SAMPLE ?= demo
TODAY ?=
PGBOUNCER ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := .tools/bin
TOOLS_READY := .tools/.ready
CHECKOV := .checkov/bin/checkov
CHECKOV_READY := .checkov/.ready
# Hashes of packages and of documents look like keys.
NOT_SECRET := ':!*.lock' ':!*package-lock.json' ':!graphql'
NODE_READY := conformance/node_modules/.package-lock.json
PROXIES_READY := $(VENV)/.proxies
LOCKED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
# When make itself is killed, the service under it ends too, and the next start finds port and data free.
WITH_MAKE := $(if $(shell command -v setpriv),setpriv --pdeathsig KILL)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.PHONY: help run test conformance check manifests image-steps audit generate bench rehearse lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 20

run: $(READY) ## start the service with sample data [PORT=8000 DATA_DIR=.data SAMPLE=demo TODAY=2026-11-12 ARGS=--reset]
	@$(WITH_MAKE) $(BIN)/membership dev --port $(PORT) --data-dir $(DATA_DIR) --sample $(SAMPLE) \
		$(if $(TODAY),--today '$(TODAY)') $(ARGS)

test: $(READY) $(TOOLS_READY) $(PROXIES_READY) ## run all tests against real servers of their own [ARGS="-k commit"]
	$(BIN)/pytest -n logical --maxprocesses 8 $(ARGS)

conformance: $(READY) $(NODE_READY) ## try the service with clients, audits and linters of the npm world [ARGS="-k audit"]
	$(BIN)/pytest conformance $(ARGS)

check: $(READY) $(TOOLS_READY) manifests ## format, lint, types, import contracts, migrations, generated files, manifests, secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk --config sql/squawk.toml $$(grep -L '^-- no-transaction' sql/migrations/*.sql)
	@outside=$$(grep -l '^-- no-transaction' sql/migrations/*.sql); [ -z "$$outside" ] || \
		$(BIN)/squawk --config sql/squawk.toml --no-assume-in-transaction $$outside
	$(BIN)/membership generate --check
	git ls-files -z -- $(NOT_SECRET) | xargs -0 $(TOOLS)/detect-secrets-hook

manifests: $(TOOLS_READY) $(CHECKOV_READY) ## render what k8s/ holds, hold it against the schemas of its kinds, let hadolint and checkov judge
	$(TOOLS)/hadolint Dockerfile
	$(TOOLS)/python tools/manifests.py --write .manifests
	@cp Dockerfile .manifests/
	$(CHECKOV) --config-file tools/checkov.yaml

image-steps: $(READY) ## carry out the Dockerfile without an engine, and try what comes out of it
	$(BIN)/python tools/image_steps.py

audit: $(TOOLS_READY) ## known holes in what we depend on; says so where the source does not answer
	$(TOOLS)/python tools/dependency_audit.py $(ARGS)

generate: $(READY) $(TOOLS_READY) ## write the generated files: sql/schema.sql, graphql/, till_client/generated
	$(BIN)/membership generate

bench: $(READY) ## measure the hot paths, print a table, write .bench/results.json [ARGS="--seconds 5"]
	$(BIN)/membership bench $(ARGS)

rehearse: $(READY) $(PROXIES_READY) ## the group's topology on this machine, taken apart while tills sell [PGBOUNCER=path ARGS="--short"]
	@$(WITH_MAKE) $(BIN)/membership rehearse $(if $(PGBOUNCER),--pgbouncer '$(PGBOUNCER)') $(ARGS)

lock: $(READY) ## pin all dependencies anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --extra embedded --extra dev $(LOCKED) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml tools/image.in -c requirements.lock $(LOCKED) -o requirements-runtime.lock
	$(BIN)/uv pip compile tools/build.in -c requirements.lock $(LOCKED) -o tools/build.lock
	$(BIN)/uv pip compile tools/requirements.in $(LOCKED) -o tools/requirements.lock
	$(BIN)/uv pip compile tools/checkov.in $(LOCKED) -o tools/checkov.lock

clean: ## remove what was built and measured; keeps the data of `make run`
	rm -rf $(VENV) .tools .checkov .manifests conformance/node_modules conformance/generated .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(READY): requirements.lock pyproject.toml
	@if ! $(BIN)/python -c '' 2>/dev/null; then \
		for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
			if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "Creating $(VENV) with $$($$python --version)"; \
				exec $$python -m venv --clear $(VENV); \
			fi; \
		done; \
		echo "make: Python 3.11 or newer with its venv module is needed (Debian, Ubuntu: python3-venv); or name one: make PYTHON=/path/to/python" >&2; \
		exit 2; \
	fi
	$(BIN)/python -m pip install --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@

$(TOOLS_READY): tools/requirements.lock $(READY)
	$(BIN)/python -m venv --clear .tools
	$(TOOLS)/python -m pip install --require-hashes -r $<
	@touch $@

$(CHECKOV_READY): tools/checkov.lock | $(READY)
	$(BIN)/python -m venv --clear .checkov
	.checkov/bin/python -m pip install --require-hashes -r $<
	@touch $@

$(PROXIES_READY): $(READY)
	@for program in haproxy pgbouncer; do \
		PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v $$program >/dev/null && continue; \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "make: $$program is needed (Debian, Ubuntu: apt-get install $$program)" >&2; \
			exit 2; \
		fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $$program; \
	done
	@touch $@

$(NODE_READY): conformance/package-lock.json conformance/package.json conformance/.npmrc
	@if ! command -v npm >/dev/null; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "make: Node.js 18 or newer with npm is needed (Debian, Ubuntu: apt-get install nodejs npm)" >&2; \
			exit 2; \
		fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends nodejs npm; \
	fi
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || \
		{ echo "make: Node.js 18 or newer is needed, this is $$(node --version)" >&2; exit 2; }
	cd conformance && npm ci
	@touch $@
