# The verbs of this project. `make run` and `make test` are all that a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest -q
FAST := not slow and not browser and not fault
# Neighbours stay in one process: what a file prepares is prepared once, a kernel is compiled once.
BESIDE := -n 2 --dist worksteal
# Compiled modules are kept even where the environment says otherwise, as images of containers do: without them each
# process, and a test run starts dozens, compiles everything it imports anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check lint fix docs docs-check bench bench-long lock demo demo-merger demo-flood demo-planning new-pack install islands browser clean

run: install islands  ## start everything with the example; Ctrl-C stops it
	$(BIN)/province run

test: install islands  ## the fast tests with few examples of each property, about two minutes
	PROVINCE_TESTS=quick $(PYTEST) $(BESIDE) -m "$(FAST)"

check: install islands browser lint docs-check  ## everything: lint, types, rooms, all tests with all examples
	$(PYTEST) $(BESIDE) -m "$(FAST)"
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder -m "not ($(FAST)) and not alone"
	$(PYTEST) -m "not ($(FAST)) and alone"

lint: install  ## style, types, who may import whom, message catalogues
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd web && npm run --silent check

fix: install  ## repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install  ## write the generated reference pages
	$(BIN)/python scripts/make_docs.py

docs-check: install
	$(BIN)/python scripts/make_docs.py --check

bench: install  ## benchmarks; results in bench/results
	$(BIN)/python -m bench

bench-long: install
	$(BIN)/python -m bench --long

lock: install  ## write the lock files anew from pyproject.toml, keeping what still fits
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --no-header --quiet -o requirements/dev.lock
	$(BIN)/uv pip compile pyproject.toml -c requirements/dev.lock --no-annotate --generate-hashes --no-header --quiet -o requirements/run.lock
	for name in clients peer; do $(BIN)/uv pip compile requirements/$$name.in --generate-hashes --no-header --quiet -o requirements/$$name.lock; done

demo: install islands  ## the same as run, with a faster simulator
	PROVINCE_HOME=$${PROVINCE_HOME:-var/demo} $(BIN)/province run --simulate

demo-merger: install islands  ## merger day: the reform of 2025 replayed, a merger and a split, with everything at work
	$(BIN)/python scripts/demo_merger.py

demo-flood: install islands browser  ## a flood from the sensor to the closed incident, over MQTT, in a browser; one minute
	$(BIN)/python scripts/demo_flood.py

demo-planning: install  ## 5G, trenches and tours for southern Bình Dương; ROADS=x.osm.pbf for real streets; three minutes
	$(BIN)/python scripts/demo_planning.py $(if $(ROADS),--roads "$(ROADS)")

new-pack: install  ## make new-pack NAME=x
	@test -n "$(NAME)" || { echo "usage: make new-pack NAME=x" >&2; exit 2; }
	$(BIN)/python scripts/new_pack.py $(NAME)

browser:
	@scripts/install-browser

install: .venv/.installed

.venv/.installed: requirements/dev.lock requirements/uv.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

islands: web/node_modules/.installed src/province/console/static/islands/.built

web/node_modules/.installed: web/package-lock.json web/package.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	touch $@

src/province/console/static/islands/.built: web/node_modules/.installed $(shell find web/src -type f 2>/dev/null) web/vite.config.ts
	cd web && npm run --silent build
	touch $@

clean:
	rm -rf .venv web/node_modules src/province/console/static/islands .mypy_cache .ruff_cache .pytest_cache
