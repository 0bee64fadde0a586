# The developer's surface. `run` and `test` do `setup` by themselves.
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked

.PHONY: setup run test integration check bench soak soak-desk words lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PY) >/dev/null || { echo "Python 3.11 or newer is missing. On Debian: apt install make python3-venv"; exit 1; }
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PY) --version). Try: make run PY=python3.12"; exit 1; }
	@$(PY) -c 'import venv, ensurepip' 2>/dev/null || { echo "The venv module is missing. On Debian: apt install python3-venv"; exit 1; }
	@echo "setup 1/3: creating $(VENV)"
	@test -x $(BIN)/python || $(PY) -m venv $(VENV)
	@echo "setup 2/3: installing from requirements.lock (a minute or two the first time)"
	@$(BIN)/pip install --disable-pip-version-check --progress-bar off -q --require-hashes -r requirements.lock
	@echo "setup 3/3: installing keydesk itself"
	@$(BIN)/pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: setup
	@$(BIN)/keydesk demo

test: setup
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

integration: setup
	@$(BIN)/python -m pytest tests/integration -rs

check: setup
	@echo "check 1/4: ruff format"; $(BIN)/ruff format --check .
	@echo "check 2/4: ruff lint"; $(BIN)/ruff check .
	@echo "check 3/4: mypy strict"; $(BIN)/mypy
	@echo "check 4/4: import contracts"; $(BIN)/lint-imports

bench: setup
	@missed=0; for name in pipeline intake queue demo desk batch; do $(BIN)/keydesk bench $$name || missed=1; done; exit $$missed

soak: setup
	@for seed in 1 2 3 4 5; do $(BIN)/keydesk demo --headless --orders 5000 --seed $$seed --faults chaos --json || exit 1; done

soak-desk: setup
	@$(BIN)/keydesk bench soak

words: setup
	@$(BIN)/python -m tests.catalogues

lock: setup
	@$(BIN)/pip install -q pip-tools
	@$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	  --extra dev --extra serve --allow-unsafe --strip-extras --no-header -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
