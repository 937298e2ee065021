# Each of these sets itself up; a second run costs nothing.
#
#   make demo              the site and its stand-in identity sources, on this machine
#   make demo RESET=1      the same, from the beginning
#   make check             while you work: lint, types, floors and the unit tests, in a minute or so
#   make test              the whole gate: lint, types, floors, and the tests on both databases
#   make test ARGS=...     the same with arguments for pytest, such as ARGS=tests/http
#   make test WORKERS=4    the same with 4 processes on PostgreSQL (one for each processor), 7 on SQLite
#   make soak              what takes long: the HTTP tests with a dead Redis, and with the fast path
#                          before Django; then loads and faults
#   make soak ARGS=...     the same with arguments for pytest, such as ARGS="-k reload"
#   make lint types unit bench lock clean

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo check test soak lint types unit bench lock clean set-up set-up-tests

PYTHON ?= python3
ARGS ?=
TYPES ?=
RESET ?=
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
VENV := .venv
BIN = $(VENV)/bin
# The house is written for Python 3.11; those of these that are here are tried as well.
NEWER := 3.12 3.13
UNIT := tests/domain tests/rfc tests/chart tests/contract

# What the environment says of an installation of Vestibule is not what the tests are about. What
# Python compiled is kept, whatever it says: more than half of what it takes to find the tests.
BARE = env -u PYTHONDONTWRITEBYTECODE $$(env | sed -nE 's/^(VESTIBULE_[A-Z0-9_]*|DATABASE_URL|REDIS_URL|DJANGO_SETTINGS_MODULE)=.*/-u \1/p')
PYTEST = $(BIN)/python -m pytest
# A file of tests stays in one process, which keeps the servers that it started. As they are listed:
# the browsers, which take longest, go first. Tests that run alone wait for time-outs more than they
# compute: one process more than there are processors.
SPREAD = -n $$(($(WORKERS) + 1)) $(FILES)
FILES = --dist loadfile --no-loadscope-reorder

mypy = folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
  $(BARE) VESTIBULE_DATA=$$folder $(BIN)/mypy $(TYPES)

# $(call install,LOCK,FLAGS,LOCKS): bring $(VENV) to what LOCK says, unless it is there already.
# $(VENV)/locks holds the digests of the LOCKS that are installed by then: the one for the tests
# holds all of the one for running, so that whoever ran the tests waits for nothing before the demo.
# Debian keeps venv's own pip in a package of its own, so the pip of $(PYTHON) fills the environment.
define install
@digest=$$(sha256sum $(1) | cut -d' ' -f1); \
if ! { grep -qs "$$digest" $(VENV)/locks && $(BIN)/python -c '' 2>/dev/null; }; then \
  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || { echo "Vestibule needs Python 3.11 or newer: apt-get install python3 python3-venv python3-pip" >&2; exit 1; }; \
  $(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -m venv --help >/dev/null 2>&1 \
    || { echo "Python's pip or venv is missing: apt-get install python3-venv python3-pip" >&2; exit 1; }; \
  rm -f $(VENV)/locks; \
  $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear --without-pip $(VENV); \
  echo "Installing the $$(grep -c == $(1)) packages of $(1) into $(VENV), which takes some minutes:"; \
  PIP_DISABLE_PIP_VERSION_CHECK=1 $(PYTHON) -m pip --python $(BIN)/python install \
    --no-input --progress-bar off --require-hashes $(2) -r $(1) \
    | sed -unE -e 's/^Collecting ([^= ]+).*/  \1/p' -e 's/^Installing collected.*/Unpacking them/p'; \
  sha256sum $(3) > $(VENV)/locks; \
fi
endef

help:
	@sed -nE 's/^#   //p' Makefile

set-up:
	$(call install,requirements.txt,--only-binary :all:,requirements.txt)

set-up-tests:
	$(call install,tests/requirements.txt,,requirements.txt tests/requirements.txt)

demo: set-up
	@$(BIN)/python manage.py demo $(if $(RESET),--reset)

lint: set-up-tests
	$(BIN)/ruff check --no-cache . tests/peers/with-services
	$(BIN)/ruff format --no-cache --check . tests/peers/with-services
	@echo $(BIN)/mypy; $(mypy)
	$(BIN)/lint-imports --no-cache --no-logo

types: set-up-tests
	@echo $(BIN)/mypy $(TYPES); $(mypy)

check: UNIT := tests/architecture $(UNIT)
check: lint unit

unit: set-up-tests
	@tests/peers/install
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	  $(BARE) VESTIBULE_DATA=$$folder $(PYTEST) $(SPREAD) -q -m "not slow" $(UNIT) $(ARGS)

# Types and unit tests again, in an environment of its own, for a newer Python called by its name.
newer-%:
	@if python$* -c '' 2>/dev/null; then echo "== Python $*"; $(MAKE) --no-print-directory \
	  types unit VENV=.venv-$* PYTHON=python$* TYPES="--python-version $*"; \
	else echo "== Python $* is not here: its types and unit tests are left out"; fi

# Twice, side by side: embedded, with nothing set, and on PostgreSQL with Redis, which shows what it
# has to say once the first is through. What uses neither runs once (tests/peers/once.py), and
# arguments that select nothing but that leave the second run empty (status 5). The processes of both,
# which start together, would each compile what is not compiled yet: the first run does it before.
# What reads the code goes beside them, since most tests wait. The first run has three processes
# more, as it alone has what runs once, so that both end at about the same time.
test: set-up-tests
	@tests/peers/install
	@$(if $(ARGS),,$(MAKE) --no-print-directory $(NEWER:%=newer-%))
	@folder=$$(mktemp -d); mkdir $$folder/embedded $$folder/services; second=; reader=; \
	  trap 'exit 130' INT TERM; \
	  trap 'kill $$second $$reader 2>/dev/null || :; wait; rm -rf "$$folder"' EXIT; \
	  $(MAKE) --no-print-directory lint >$$folder/read 2>&1 & reader=$$!; \
	  compgen -G 'tests/__pycache__/*-pytest-*.pyc' >/dev/null || \
	    $(BARE) VESTIBULE_DATA=$$folder/embedded $(PYTEST) --collect-only -qq >/dev/null || :; \
	  $(BARE) VESTIBULE_DATA=$$folder/services tests/peers/with-services \
	    $(PYTEST) -n $(WORKERS) $(FILES) -m "not once" $(ARGS) >$$folder/output 2>&1 & second=$$!; \
	  echo "== embedded: SQLite, memory"; \
	  embedded=0; $(BARE) VESTIBULE_DATA=$$folder/embedded \
	    $(PYTEST) -n $$(($(WORKERS) + 3)) $(FILES) $(ARGS) || embedded=$$?; \
	  read=0; wait $$reader || read=$$?; reader=; echo "== lint"; cat $$folder/read; \
	  services=0; wait $$second || services=$$?; second=; \
	  echo "== PostgreSQL and Redis"; cat $$folder/output; \
	  [ $$read = 0 ] && [ $$embedded = 0 ] && { [ $$services = 0 ] || { [ $$services = 5 ] && [ -n "$(ARGS)" ]; }; }

# First the HTTP tests with a Redis that is dead from beginning to end: nothing is decided by what a
# cache does not hold; left out are the tests of what one remembers. Then all of them run on PostgreSQL
# and Redis, those as well that the gate runs once, with the fast path before Django, whose answers must
# be the same (tests/peers/fast_path.py). Then the tests marked `soak`, on PostgreSQL and Redis as well,
# one after the other, as each has the machine to itself. Their tables are printed at the end;
# ARGS=--soak-page writes them to docs/soak.md. Of the runs that ARGS choose from, some may be empty
# (status 5).
soak: CHOSEN = $(if $(filter-out -%,$(firstword $(ARGS))),,$(1)) $(ARGS)
soak: set-up-tests
	@tests/peers/install
	@folder=$$(mktemp -d); mkdir $$folder/dead $$folder/fast $$folder/services; \
	  trap 'rm -rf "$$folder"' EXIT; \
	  echo "== a dead Redis"; \
	  dead=0; $(BARE) VESTIBULE_DATA=$$folder/dead REDIS_URL=redis://127.0.0.1:9/0 \
	    $(PYTEST) $(SPREAD) -m "not remembers" $(call CHOSEN,tests/http) || dead=$$?; \
	  echo "== the fast path before Django, on PostgreSQL and Redis"; \
	  fast=0; $(BARE) VESTIBULE_DATA=$$folder/fast tests/peers/with-services \
	    $(PYTEST) $(SPREAD) --fast-path $(call CHOSEN,tests/http) || fast=$$?; \
	  echo "== loads and faults, on PostgreSQL and Redis"; \
	  loads=0; $(BARE) VESTIBULE_DATA=$$folder/services PG_BUFFERS=1GB tests/peers/with-services \
	    $(PYTEST) -v -m soak $(call CHOSEN,tests) || loads=$$?; \
	  may() { [ $$1 = 0 ] || { [ $$1 = 5 ] && [ -n "$(ARGS)" ]; }; }; may $$dead && may $$fast && may $$loads

bench: set-up-tests
	@tests/peers/install
	@PYTHON=$(BIN)/python tests/benchmarks/install
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	  $(BARE) VESTIBULE_DATA=$$folder tests/peers/with-services $(BIN)/python -m tests.benchmarks $(ARGS)

# Both locks hold for every platform that has wheels, carry hashes, and name no index.
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-annotate --extra ldap pyproject.toml
lock:
	@command -v uv >/dev/null || { echo "Making the locks anew needs uv" >&2; exit 1; }
	$(LOCK) --output-file requirements.txt
	$(LOCK) --group test --constraints requirements.txt --output-file tests/requirements.txt

# The data of the embedded site (var/) is not ours to throw away: that is `make demo RESET=1`.
clean:
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
