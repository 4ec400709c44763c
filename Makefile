# Everything runs in the project's own virtual environment, made by pip alone.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
# Tests and canaries are many small matrices: more threads only get in each other's way.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test check unit bench docs clean

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

unit: $(STAMP)  ## The tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test: check unit  ## What CI runs

bench: $(STAMP)  ## The figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks

docs: $(STAMP)  ## What is generated: schemas and the reference of commands
	$(BIN)/python -m provenance_cli.generated

clean:
	rm -rf $(VENV) demo build dist
