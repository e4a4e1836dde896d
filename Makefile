# make demo   installs into .venv and runs the demo; its last line names the report
# make test   installs the tools too; lints, checks types, runs the tests, tries the built wheel
# make clean  removes what these made

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint types unit wheel clean

demo: $(VENV)/runtime
	$(BIN)/maskwright demo

test: lint types unit wheel

lint: $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/tools
	$(BIN)/mypy

unit: $(VENV)/tools
	$(BIN)/python -m pytest

wheel: $(VENV)/tools
	rm -rf build dist
	$(BIN)/python -m build --wheel --outdir dist . > /dev/null
	PYTHON=$(PYTHON) bash tests/wheel.sh dist/*.whl

$(VENV)/runtime: pyproject.toml constraints.txt
	@echo "installing into $(VENV) (a minute or two) …"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/tools: $(VENV)/runtime
	@echo "installing the tools of the tests …"
	$(INSTALL) --editable '.[dev,jax]'
	@touch $@

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
