# Python 3.11 or newer, pip, make and git are all a machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEXT := .venv-next
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
SQL ?=
# tests wait for processes they start: three workers keep two cores busy
WORKERS ?= 3
A ?=
B ?= latest
TO ?=
FROM ?=
YEARS ?= 2
SCALE ?= 1
FORCE ?=
ONLY ?=
COUNT ?= 100
SEED ?=
KILLS ?= 200
READERS ?= 16
MODEL ?=
PORT := 3000
# who reaches the UI can start runs: nobody but this machine does, unless HOST says otherwise
HOST := 127.0.0.1

.DEFAULT_GOAL := help
.PHONY: help setup test test-next lint live run ui status query diff doctor backup restore bench mutants mutants-python chaos faults dictionary docs audit sbom lock clean

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

test-next: $(NEXT)/.installed $(DAGSTER_HOME)/dagster.yaml ## run the suite with the newest DuckDB and dbt, in an environment of its own
	@$(NEXT)/bin/python -c 'from importlib.metadata import version as v; \
		print("with", ", ".join(f"{name} {v(name)}" for name in ("duckdb", "dbt-core", "dbt-duckdb", "dagster-dbt")))'
	$(NEXT)/bin/python -m pytest -n $(WORKERS)

# the lock leaves out a package that downloads while it installs, and pip would look for it
$(NEXT)/.installed: requirements-next.lock
	@echo "creating $(NEXT) from requirements-next.lock"
	@$(PYTHON) -m venv --clear $(NEXT)
	@$(NEXT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

lint: setup ## formatting, lint, types, SQL style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ty check orchestration
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

run: setup ## build and publish the warehouse from the synthetic sandbox market (no key, no network)
	@SMALLCAP_SOURCE=sandbox $(BIN)/python -m orchestration.cli.run $(if $(FORCE),--force)

live: setup ## build and publish the warehouse from the live vendors (needs FRED_API_KEY)
	@SMALLCAP_SOURCE=live $(BIN)/python -m orchestration.cli.run $(if $(FORCE),--force)

ui: setup ## Dagster UI on 127.0.0.1:3000, daemon and schedule on; another port: make ui PORT=3001
	@exec $(BIN)/python -m orchestration.cli.ui --host "$(HOST)" --port "$(PORT)"

status: setup ## what is built, what is missing, what failed
	@$(BIN)/python -m orchestration.cli.status

# as it was typed: neither make nor a second shell looks at its quotes and dollar signs
unexport SQL
query: export QUERY_SQL = $(value SQL)
query: setup ## run SQL on the served database: make query SQL="select ...", or SQL=@file.sql, or < file.sql
	@$(BIN)/python -m orchestration.cli.query

diff: setup ## what changed between two releases: make diff A=<release> B=<release>
	@$(BIN)/python -m orchestration.cli.diff "$(A)" "$(B)"

doctor: setup ## read every file of the raw zone, and say what to restore
	@$(BIN)/python -m orchestration.cli.doctor

backup: setup ## a whole copy of the raw zone, read through: make backup TO=/mnt/backups
	@$(BIN)/python -m orchestration.cli.backup backup "$(TO)"

restore: setup ## the raw zone of a backup: make restore FROM=/mnt/backups/<backup>
	@$(BIN)/python -m orchestration.cli.backup restore "$(FROM)"

bench: setup ## performance, side by side; one section: make bench ONLY=panel
	@$(BIN)/python -m benchmarks --years $(YEARS) --scale $(SCALE) $(if $(ONLY),--only $(ONLY))

mutants: setup ## small changes to the SQL that no unit test notices: make mutants COUNT=0 MODEL=mart_return
	@$(BIN)/python -m tests.mutation --count $(COUNT) $(if $(SEED),--seed $(SEED)) $(foreach one,$(MODEL),--model '$(one)')

mutants-python: setup ## the same for the Python that plans, dates and audits (mutmut)
	@$(BIN)/mutmut run
	@$(BIN)/python -m tests.mutation.python_survivors

chaos: setup ## kill runs, let the next one repair, compare: make chaos KILLS=40 READERS=4 SEED=7
	@$(BIN)/python -m tests.chaos --kills $(KILLS) --readers $(READERS) $(if $(SEED),--seed $(SEED))

faults: setup ## every fault of every vendor, and what becomes of it
	@FAULTS=all $(BIN)/python -m pytest -q tests/faults

dictionary: setup ## rewrite docs/data_dictionary.md from the dbt metadata
	@$(BIN)/python -m orchestration.cli.dictionary

docs: setup ## one page of all models, columns and lineage: data_lake/docs/index.html
	@$(BIN)/python -m orchestration.cli.docs

COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-strip-extras --group dev --group mutation pyproject.toml

audit: setup ## known weaknesses of the packages in requirements.lock; without the network it says so and passes
	@$(BIN)/python -m orchestration.cli.dependencies audit

sbom: setup ## the packages of this version as a CycloneDX file, a software bill of materials
	@$(BIN)/python -m orchestration.cli.dependencies sbom

lock: ## rewrite requirements.lock and requirements-next.lock from pyproject.toml (needs uv)
	$(COMPILE) -o requirements.lock
	cp requirements.lock requirements-next.lock
	$(COMPILE) --overrides requirements-next.in -o requirements-next.lock \
		$(foreach name,duckdb dbt-adapters dbt-common dbt-core dbt-duckdb,--upgrade-package $(name))

clean: ## remove what was built; raw data and releases stay
	rm -rf $(VENV) $(NEXT) .dagster data_lake/build dbt_project/target
