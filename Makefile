# Two commands: `make sweep` answers the quick question, `make test` runs every check. Both set up what they need.

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt

.PHONY: help sweep test setup check clean

help:
	@echo "make sweep   train the quick start's sweep and write its report (a few minutes)"
	@echo "make test    run every check: format, lint, types, import contract, tests (a quarter of an hour on two cores)"

sweep: $(VENV)/.ready-run
	@$(VENV)/bin/tlm-sweeps sweep sweeps/quickstart.yaml

test: check
	@echo "tests, $(WORKERS) at a time"
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(WORKERS) --dist worksteal

setup: $(VENV)/.ready-dev

check: $(VENV)/.ready-dev
	@echo "format, lint, types, import contract"
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright
	@$(VENV)/bin/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Torch goes first and by its exact version, so that pip weighs nothing else while it fetches the largest file.
$(VENV)/.ready-run: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "tlm-sweeps needs Python 3.11 or newer, and '$(PYTHON)' is not" >&2; \
		echo "hint: make PYTHON=/path/to/python3.11 $(or $(MAKECMDGOALS),test)" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments: its venv module is missing" >&2; \
		echo "hint: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV): Python environment"
	@$(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV)
	@echo "setting up $(VENV): torch (large)"
	@$(PIP) "$$(grep '^torch==' constraints.txt)"
	@echo "setting up $(VENV): tlm-sweeps and what it needs"
	@$(PIP) -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-run
	@echo "setting up $(VENV): what the tests need"
	@$(PIP) -e '.[dev]'
	@$(PIP) --no-deps sweeps  # for W&B's sweep schema alone; it asks for a numpy of before 2
	@touch $@
