# `make demo` and `make test` do all their own set-up: a virtual environment in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed
ADAPTED = $(VENV)/.adapters
BROWSER = $(VENV)/.browser
DOCUMENTED = $(VENV)/.docs
DATA   ?= ../shared/data

# A file's tests stay in one process, and share what they have set up.
ALL_TESTS   = -m pytest --numprocesses $(or $(JOBS),2) --dist loadfile
QUICK_TESTS = $(ALL_TESTS) -m "not slow"

# Quiet, deterministic logs; the two cores of a small machine are enough.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYTHONHASHSEED ?= 0
export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.PHONY: help install demo scan test test-all test-oldest coverage fuzz adapters docs lint format bench weights clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(STAMP)  ## set up .venv with the package and everything it needs

$(STAMP): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: $(STAMP)  ## simulate a small survey, search it for O stars, and write a page of what was found
	$(BIN)/lamost-rare demo --output "$(or $(OUTPUT),demo-output)"

# Checked before any set-up is done.
ifneq ($(filter scan,$(MAKECMDGOALS)),)
ifeq ($(strip $(DR7)),)
$(error make scan needs the directory of spectra: make scan DR7=DIR)
endif
endif

scan: $(STAMP)  ## scan a directory: make scan DR7=DIR [OUTPUT=candidates]
	$(BIN)/lamost-rare scan "$(DR7)" --output "$(or $(OUTPUT),candidates)"

test: $(STAMP) lint adapters $(BROWSER)  ## ruff and mypy, then tests in two processes; warnings are errors
	$(BIN)/python $(QUICK_TESTS)

test-all: $(STAMP) lint adapters $(BROWSER)  ## make test, with the tests that take long: whole trainings, kills at every moment
	$(BIN)/python $(ALL_TESTS)

fuzz: $(STAMP)  ## damaged headers, other ones each time, read in both ways: make fuzz [N=20000]
	LAMOST_RARE_FUZZ=$(or $(N),20000) $(BIN)/python -m pytest tests/test_reader_fuzz.py

adapters: $(ADAPTED)  ## tests of the adapters to stpipe and ceci alone
	$(BIN)/python -m pytest plugins

# Another environment, with the oldest version of each dependency that setup.cfg allows.
test-oldest: setup.cfg  ## the tests of make test with the oldest dependencies that are allowed
	test -x $(VENV)-oldest/bin/python || $(PYTHON) -m venv $(VENV)-oldest
	$(PYTHON) .ci/oldest.py > $(VENV)-oldest/constraints.txt
	$(VENV)-oldest/bin/python -m pip install --quiet --editable '.[test]' --constraint $(VENV)-oldest/constraints.txt
	$(VENV)-oldest/bin/python $(QUICK_TESTS)

coverage: $(STAMP)  ## the tests of make test, and which lines they run: at least nine in ten
	$(BIN)/python $(QUICK_TESTS) --cov --cov-report term:skip-covered

# Without dependencies: resolving them again would put another TensorFlow over the installed one.
$(ADAPTED): $(STAMP) plugins/stpipe/setup.cfg plugins/ceci/setup.cfg
	$(BIN)/python -m pip install --quiet stpipe asdf ceci
	$(BIN)/python -m pip install --quiet mpi4py || echo "without mpi4py: tests under MPI are skipped"
	$(BIN)/python -m pip install --quiet --no-deps --editable plugins/stpipe --editable plugins/ceci
	touch $@

# Two processes: notebooks load TensorFlow, 2 GB each.
docs: $(DOCUMENTED)  ## build the documentation site in docs/_build/html; warnings are errors (QUICK=1: not all tutorials are run)
	rm -rf docs/api
	LAMOST_RARE_QUICK_DOCS=$(QUICK) $(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --fresh-env --quiet --jobs 2 docs docs/_build/html

$(DOCUMENTED): $(ADAPTED) setup.cfg
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

# Tests of the page need Chromium. Nobody is asked for a password: where it cannot be installed, they are skipped.
$(BROWSER): $(STAMP)
	@command -v "$$LAMOST_RARE_BROWSER" || command -v chromium || command -v chromium-browser || command -v google-chrome \
	|| command -v "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
	|| { test "$$(id -u)" = 0 || with="sudo -n"; export DEBIAN_FRONTEND=noninteractive; \
	     $$with apt-get update --quiet && $$with apt-get install --quiet --yes --no-install-recommends chromium; } </dev/null >/dev/null 2>&1 \
	|| echo "without Chromium: tests of the page are skipped"
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo setup.cfg

format: $(STAMP)  ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## speed, as ratios within one run
	for benchmark in benchmarks/bench_*.py; do $(BIN)/python "$$benchmark" || exit 1; done

weights: $(STAMP)  ## rebuild the shipped presets from the training data: make weights DATA=DIR
	$(BIN)/lamost-rare train presets --data "$(DATA)"

clean:  ## remove what make built, the environment included
	rm -rf $(VENV) $(VENV)-oldest docs/_build docs/api build dist *.egg-info plugins/*/*.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis demo-output
	find lamost_rare tests plugins -name __pycache__ -type d -prune -exec rm -rf {} +
