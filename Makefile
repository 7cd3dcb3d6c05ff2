# Python 3.11 or newer, pip, make and git are all a machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
SQL ?=
# tests wait for processes they start: three workers keep two cores busy
WORKERS ?= 3
A ?=
B ?= latest
YEARS ?= 2
SCALE ?= 1
COUNT ?= 100
SEED ?=
MODEL ?=
FORCE ?=

.DEFAULT_GOAL := help
.PHONY: help setup test lint live run ui status query diff bench mutants mutants-python dictionary docs lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.installed $(DAGSTER_HOME)/dagster.yaml ## create .venv from the lock file

$(VENV)/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "creating $(VENV) from requirements.lock"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DAGSTER_HOME)/dagster.yaml: orchestration/dagster.yaml
	@mkdir -p $(DAGSTER_HOME)
	@cp $< $@

test: setup ## run the whole test suite: make test WORKERS=1 where memory is short
	$(BIN)/python -m pytest -n $(WORKERS)

lint: setup ## formatting, lint, types, SQL style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ty check orchestration 
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

run: setup ## build and publish the warehouse from the synthetic sandbox market (no key, no network)
	@SMALLCAP_SOURCE=sandbox $(BIN)/python -m orchestration.cli.run $(if $(FORCE),--force)

live: setup ## build and publish the warehouse from the live vendors (needs FRED_API_KEY)
	@SMALLCAP_SOURCE=live $(BIN)/python -m orchestration.cli.run $(if $(FORCE),--force)

ui: setup ## Dagster UI on 127.0.0.1:3000, daemon and schedule on
	$(BIN)/dagster dev --module-name orchestration.definitions --host 127.0.0.1 --port 3000

status: setup ## what is built, what is missing, what failed
	@$(BIN)/python -m orchestration.cli.status

query: setup ## run SQL on the served database: make query SQL="select ..."
	@$(BIN)/python -m orchestration.cli.query "$(SQL)"

diff: setup ## what changed between two releases: make diff A=<release> B=<release>
	@$(BIN)/python -m orchestration.cli.diff "$(A)" "$(B)"

bench: setup ## performance, side by side; full size: make bench YEARS=10
	@$(BIN)/python -m benchmarks --years $(YEARS) --scale $(SCALE)

mutants: setup ## small changes to the SQL that no unit test notices: make mutants COUNT=0 MODEL=mart_return
	@$(BIN)/python -m tests.mutation --count $(COUNT) $(if $(SEED),--seed $(SEED)) $(foreach one,$(MODEL),--model '$(one)')

mutants-python: setup ## the same for the Python that plans, dates and audits (mutmut)
	@$(BIN)/mutmut run
	@$(BIN)/python -m tests.mutation.python_survivors

dictionary: setup ## rewrite docs/data_dictionary.md from the dbt metadata
	@$(BIN)/python -m orchestration.cli.dictionary

docs: setup ## one page of all models, columns and lineage: data_lake/docs/index.html
	@$(BIN)/python -m orchestration.cli.docs

lock: ## rewrite requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras \
		--group dev --group mutation pyproject.toml -o requirements.lock

clean: ## remove what was built; raw data and releases stay
	rm -rf $(VENV) .dagster data_lake/build dbt_project/target
