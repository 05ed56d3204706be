# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/runtime.stamp
	$(BIN)/asworn demo --out demo

test: $(VENV)/test.stamp lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/runtime.stamp: setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-cache-dir --editable .
	touch $@

$(VENV)/test.stamp: setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-cache-dir --editable ".[dev]"
	touch $@ $(VENV)/runtime.stamp

clean:
	rm -rf $(VENV) build *.egg-info demo
