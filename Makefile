# Everything runs in the project's own virtual environment, made by pip alone.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
# MLflow in other versions than the pinned one, each in a virtual environment of its own: docs/mlflow-versions.md.
VERSION ?= newest
MLFLOW_VENV = .venv-mlflow-$(VERSION)
MLFLOW_TESTS = mlflow_link mlflow_import mlflow_flows mlflow_server tracking
# Tests and canaries are many small matrices: more threads only get in each other's way.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

# Where the browser's pictures of pages go, which nobody commits.
SCREENSHOTS ?= screenshots

.PHONY: demo test check unit chromium test-mlflow test-mlflow-floor test-browser bench docs clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP)  ## The owl story on real data and real training, in ./demo
	rm -rf demo
	$(BIN)/provenance demo demo

check: $(STAMP)  ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(STAMP) chromium  ## The tests, less those that look at MLflow's own pages
	$(BIN)/python -m pytest -n 2 --dist loadgroup --ignore tests/browser_mlflow

chromium:  ## Debian's Chromium, which the tests of pages need, where apt may install it
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get && apt-get update && \
		DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; } >/dev/null 2>&1 \
		|| echo "There is no chromium, and apt may not install it here: the tests of pages in a browser are skipped."

test: check unit  ## What CI runs

test-mlflow: $(MLFLOW_VENV)/.installed  ## The tests of all that has to do with MLflow under the newest MLflow, or VERSION=...
	$(MLFLOW_VENV)/bin/python -c 'import mlflow; print("MLflow", mlflow.__version__)'
	$(MLFLOW_VENV)/bin/python -m pytest $(wildcard $(addprefix tests/,$(MLFLOW_TESTS)))

test-mlflow-floor:  ## The same under the oldest MLflow that is supported
	$(MAKE) test-mlflow VERSION=3.10.1

# Without constraints.txt: an old MLflow needs older companions than the pinned one.
$(MLFLOW_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(MLFLOW_VENV)
	$(MLFLOW_VENV)/bin/python -m pip install --quiet torch==2.13.0
	$(MLFLOW_VENV)/bin/python -m pip install --quiet --upgrade -e '.[dev]' psycopg2-binary 'mlflow[auth]$(if $(filter newest,$(VERSION)),,==$(VERSION))'
	touch $@

test-browser: $(STAMP) chromium  ## What pages show in a browser, MLflow's own included; pictures in ./screenshots
	SCREENSHOTS=$(SCREENSHOTS) $(BIN)/python -m pytest tests/browser tests/browser_mlflow

bench: $(STAMP)  ## The figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks

docs: $(STAMP)  ## What is generated: schemas and the reference of commands
	$(BIN)/python -m provenance_cli.generated

clean:
	rm -rf $(VENV) .venv-mlflow-* screenshots demo build dist
