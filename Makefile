# What is needed: python3 (3.11 or newer), make, git. Each target sets up what it needs in .venv.
PYTHON ?= python3
# Most tests wait for a process or a deadline: two for each core keep the cores busy.
WORKERS ?= 4
# What else pytest is given: --cov measures branch coverage.
COV ?=
PROMPT ?= a red fox trots through fresh snow, close-up, then wide

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# Settings of the caller's shell that would change what is run here.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PYTEST_ADDOPTS VIRTUAL_ENV
# The demo neither sees nor touches the configuration of the person who runs it.
OWN_HOME := env -i PATH="$$PATH" HOME="$(CURDIR)/demo" WAN_HOME="$(CURDIR)/demo/home" \
  TERM="$${TERM:-dumb}" LANG=C.UTF-8

.PHONY: help demo check lint test coverage format completions man screens dist check-install check-matrix \
  bench bench-faults bench-polling clean

help:
	@echo "make demo           a video from the sandbox: free, no key"
	@echo "make check          what CI runs: lint, then test"
	@echo "make lint           format, rules, types"
	@echo "make test           all tests"
	@echo "make coverage       all tests, with branch coverage"
	@echo "make format         format the code, fix what can be fixed"
	@echo "make completions    write the scripts in completions/"
	@echo "make man            write the man pages in man/"
	@echo "make screens        draw the pictures of the documents again"
	@echo "make dist           build the sdist and the wheel into dist/, and check them"
	@echo "make check-install  install dist/ with pip, pipx and uv, and run what they install"
	@echo "make check-matrix   the tests with the oldest and newest dependencies, for each Python"
	@echo "make bench          measure speed beside other programs; ARGS=--quick: less of it"
	@echo "make bench-faults   the same faults for wan, requests and curl"
	@echo "make bench-polling  simulate when wan polls"
	@echo "make clean          remove what these targets made"

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
print(f"took     {time.time() - float(sys.argv[2]):.1f} s, submission to file; cost nothing: this was the sandbox")
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

# It takes half as long again.
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

dist: .venv/.release
	@.ci/dist

check-install: dist
	@.ci/install

# TESTS=tests/test_docs.py runs only those; PYTHONS="3.12 3.13" uses only those.
check-matrix: .venv/.release
	@.ci/matrix $(TESTS)

bench: .venv/.dev
	@$(BIN)/python -m bench.commands $(ARGS)

bench-faults: .venv/.dev
	@$(BIN)/python -m bench.faults

bench-polling: .venv/.sandbox
	@$(BIN)/python bench/polling.py

clean:
	rm -rf .venv build dist demo .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment: what `make demo` needs, and over it what the tests need.
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

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; wan needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "wan needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) -m venv failed (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
