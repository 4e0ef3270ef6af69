.PHONY: setup setup-dev demo serve bench loadtest test test-slow test-frameworks test-oracles coverage lint format openapi authorization-matrix clean

# The newest supported Python that runs; a pyenv shim may be on PATH and still refuse to.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	then echo $$python; break; fi; done)
PORT ?= 3000
# A folder that the data of `make serve` stay in; without one they go with the process.
KEEP ?=

# Packages that tests take a model from; what these models were made with stays out.
PUBLIC_MODELS := 'magika>=1,<2' 'silero-vad>=6,<7'

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

setup: .venv/installed
setup-dev: .venv/installed-dev

demo: setup
	$(BIN)/bakeoff demo

serve: setup
	@exec $(BIN)/bakeoff serve --port $(PORT) $(if $(KEEP),--keep "$(KEEP)")

test: setup-dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not build and not slow"

# What takes longer than a developer waits: storms, simulations, large data.
test-slow: setup-dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m slow

# Each framework in an environment of its own; FRAMEWORKS="xgboost torch" tests some of them.
test-frameworks: setup-dev
	$(BIN)/python -m scripts.test_frameworks $(FRAMEWORKS)

# The statistics beside those of other packages, in an environment of their own: tea-tasting 2 needs Python 3.12,
# and gbstats asks for an older numpy than it needs.
test-oracles: .venv-oracles/installed
	.venv-oracles/bin/python -m pytest tests/oracles

# Ratios side by side, on a quiet machine; benchmarks/RESULTS.md keeps them.
bench: setup-dev
	$(PIP) install --group bench
	$(BIN)/python -m benchmarks

# Users at once: SCENARIO="low high" puts some of the loads, URL and KEY name a stack that is deployed.
loadtest: setup-dev
	$(PIP) install --group load
	$(BIN)/python -m benchmarks.load $(SCENARIO) $(if $(URL),--url "$(URL)" --key "$(KEY)")

# The statistics are covered to the last line.
coverage: setup-dev
	$(BIN)/python -m pytest tests/unit/analyze/stats -q -m "not slow" --cov=functions/analyze/stats --cov-fail-under=100 \
		--cov-report=term-missing:skip-covered

lint: setup-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: setup-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The document of all routes, out of their code; a test holds the file to it.
openapi: setup-dev
	$(BIN)/python -m scripts.openapi

# Which key opens which route, asked anew and written into docs/security.md.
authorization-matrix: setup-dev
	$(BIN)/python -m scripts.authorization

clean:
	rm -rf .venv .venv-* .aws-sam .local

.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Bakeoff needs Python 3.11, 3.12 or 3.13 on PATH" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[local]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) install --editable '.[local,sklearn]' --group dev
	$(PIP) install --no-deps $(PUBLIC_MODELS)
	@touch $@

.venv-oracles/installed: pyproject.toml
	$(PYTHON) -m venv --clear .venv-oracles
	.venv-oracles/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	.venv-oracles/bin/python -m pip --disable-pip-version-check --quiet install --group oracles
	.venv-oracles/bin/python -m pip --disable-pip-version-check --quiet install --no-deps 'gbstats>=0.8,<0.9'
	@touch $@

-include scripts/build.mk

# The build suite runs under the same pytest as the others.
test-artefacts: setup-dev
