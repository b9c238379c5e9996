# make demo, make test and make lint set up .venv by themselves. Python 3.11 or later and make must be there.

PYTHON ?= python3
WORKERS ?= 2
PYTEST_ARGS ?=
DEMO_OUT ?= demo_out
# Programs that adapters are tested in; HOSTS= leaves them out, and their tests skip.
HOSTS ?= bpy-4.5 bpy-5.0 mlt

BIN := .venv/bin
# The stamp carries the hash of what decides the environment, so that a fresh checkout's file times do not matter.
STAMP := .venv/installed-$(shell cat pyproject.toml constraints.txt compositing/operations/_stream.c | $(PYTHON) -c "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])")

# Workers with one thread each; the demo takes all the cores.

.DEFAULT_GOAL := help
.PHONY: help venv hosts demo test lint format pin clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

venv: $(STAMP)  ## set up .venv with the pinned versions

# torch comes first and alone: the build that the pin names must not be replaced while the rest is resolved.
$(STAMP):
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	rm -f .venv/installed-*
	touch $@

hosts: $(STAMP)  ## install Blender and MLT for the tests of the adapters, where that is possible
	@.ci/hosts $(HOSTS)

demo: $(STAMP)  ## rotoscope the sample clip and print J against its truth
	$(BIN)/sam2-roto demo -o $(DEMO_OUT)

test: export OMP_NUM_THREADS ?= 1
test: $(STAMP) hosts  ## run the tests
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: $(STAMP)  ## check style, types and layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## mend style where ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pin: $(STAMP)  ## write the versions in .venv to constraints.txt
	( echo "# Every version that the tests ran with (Python 3.11). Made with: make pin"; \
	  $(BIN)/python -m pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu//' | sort -f ) > constraints.tmp
	mv constraints.tmp constraints.txt

clean:  ## remove caches and the demo's output (not .venv and .hosts)
	rm -rf $(DEMO_OUT) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -not -path './.hosts/*' -prune -exec rm -rf {} +
