# Requirements: python3 (3.11 or newer), make and git. Each target installs the rest into .venv.
PYTHON ?= python3
# Most tests wait for a process or a deadline, so three tests per core keep the cores busy.
WORKERS ?= 6
# More options for pytest: --cov measures branch coverage.
COV ?=
PROMPT ?= a red fox trots through fresh snow, close-up, then wide

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# Variables of the caller's shell that would change the results.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PYTEST_ADDOPTS VIRTUAL_ENV
# The demo neither reads nor changes your configuration.
OWN_HOME := env -i PATH="$$PATH" HOME="$(CURDIR)/demo" WAN_HOME="$(CURDIR)/demo/home" \
  TERM="$${TERM:-dumb}" LANG=C.UTF-8

.PHONY: help demo check lint test fleet coverage format completions man screens dist check-install check-matrix \
  recipes bench bench-faults bench-polling clean

help:
	@echo "make demo           a video from the sandbox: free, no key"
	@echo "make check          what CI runs: lint, then test"
	@echo "make lint           check the format, the rules and the types"
	@echo "make test           run all tests"
	@echo "make fleet          run the test of many machines with 200 rows"
	@echo "make coverage       run all tests with branch coverage"
	@echo "make format         format the code and apply the automatic fixes"
	@echo "make completions    write the scripts in completions/"
	@echo "make man            write the man pages in man/"
	@echo "make screens        draw the pictures in docs/"
	@echo "make dist           build the sdist and the wheel into dist/, and check them"
	@echo "make check-install  install dist/ with pip, pipx and uv, and make a video with each"
	@echo "make check-matrix   run the tests on each Python, with the oldest and newest dependencies"
	@echo "make recipes        run the recipes of Slurm, Airflow and Prefect, with the real programs"
	@echo "make bench          compare the speed with other programs; ARGS=--quick measures less"
	@echo "make bench-faults   run the same faults against wan, requests and curl"
	@echo "make bench-polling  simulate when wan polls"
	@echo "make clean          remove the files that these targets made"

define DESCRIBE
import sys, time, av
from pathlib import Path
file = Path(sys.argv[1])
with av.open(str(file)) as movie:
    video = movie.streams.video[0]
    sound = ", with sound" if movie.streams.audio else ""
    seconds = movie.duration / av.time_base
    print(f"video    {file}")
    print(f"         {file.stat().st_size / 1e6:.2f} MB, {seconds:.1f} s, {video.width}x{video.height}{sound}")
print(f"took     {time.time() - float(sys.argv[2]):.1f} s from submission to file; the sandbox is free")
endef
export DESCRIBE

demo: .venv/.sandbox
	@mkdir -p demo
	@echo '$$ wan generate "$(PROMPT)" --multi-shot --resolution 720p --duration 5 --sandbox'
	@start=$$($(BIN)/python -c 'import time; print(time.time())') && \
	file=$$($(OWN_HOME) $(BIN)/wan generate "$(PROMPT)" --multi-shot --resolution 720p \
	  --duration 5 --sandbox --sidecar -o demo/) && \
	$(BIN)/python -c "$$DESCRIBE" "$$file" "$$start"
	@echo '$$ wan list --sandbox'
	@$(OWN_HOME) $(BIN)/wan list --sandbox --limit 5

check: lint
	@$(MAKE) --no-print-directory test

lint: .venv/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

# pytest's own summary is the last line.
test: .venv/.dev
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(COV)

# Prints the seed: WAN_FLEET_SEED=N make fleet runs about the same again.
fleet: .venv/.dev
	@WAN_FLEET_ROWS=200 $(BIN)/pytest -q -s tests/fleet

# With coverage, the tests take half as long again.
coverage:
	@$(MAKE) --no-print-directory test COV=--cov

format: .venv/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

completions: .venv/.dev
	@$(BIN)/python completions/generate.py

man: .venv/.dev
	@$(BIN)/python man/generate.py

screens: .venv/.dev
	@$(BIN)/python docs/screens.py
	@$(BIN)/python docs/frames.py

dist: .venv/.release
	@.ci/dist

check-install: dist
	@.ci/install

# TESTS=tests/test_docs.py runs only those; PYTHONS="3.12 3.13" uses only those.
check-matrix: .venv/.release
	@.ci/matrix $(TESTS)

# Slurm runs where it is installed (apt-get install slurm-wlm).
recipes: .venv/.dev .venv-recipes/.installed
	@WAN_TEST_PREFECT=$(CURDIR)/.venv-recipes/prefect/bin/python \
	  WAN_TEST_AIRFLOW=$(CURDIR)/.venv-recipes/airflow/bin/python $(BIN)/pytest -q tests/test_recipes.py

bench: .venv/.dev
	@$(BIN)/python -m bench.commands $(ARGS)

bench-faults: .venv/.dev
	@$(BIN)/python -m bench.faults

bench-polling: .venv/.sandbox
	@$(BIN)/python bench/polling.py

clean:
	rm -rf .venv .venv-recipes build dist demo .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment: the packages for `make demo`, and on top the packages for the tests.
.venv/.sandbox: pyproject.toml | .venv/bin/python
	@echo "installing wan into .venv …"
	@$(PIP) install -e '.[sandbox]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	@echo "installing wan and its tools into .venv …"
	@$(PIP) install -e '.[dev]'
	@touch .venv/.sandbox $@

.venv/.release: pyproject.toml | .venv/bin/python
	@echo "installing the tools for a release into .venv …"
	@$(PIP) install -e '.[release]'
	@touch $@

# Each has hundreds of packages, so each has an environment of its own.
.venv-recipes/.installed: | .venv/bin/python
	@echo "installing Prefect and Airflow into .venv-recipes …"
	@$(PYTHON) -m venv .venv-recipes/prefect
	@.venv-recipes/prefect/bin/pip --disable-pip-version-check --no-input --quiet install 'prefect>=3.4,<4'
	@$(PYTHON) -m venv .venv-recipes/airflow
	@.venv-recipes/airflow/bin/pip --disable-pip-version-check --no-input --quiet install 'apache-airflow>=3.1,<4'
	@touch $@

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; wan needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "wan needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Choose another Python: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) -m venv failed (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
