# make demo   installs into .venv and runs the demo; its last line names the report
# make test   installs the tools too; lints, checks types, runs the tests, tries the built wheel
# make soak   kills a training 30 times and compares what it ends in (20 minutes)
# make fuzz   feeds a million damaged files to the readers (half an hour)
# make clean  removes what these made

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint types unit wheel soak fuzz clean

demo: $(VENV)/runtime
	$(BIN)/maskwright demo

# Two at a time: to install the wheel is mostly waiting, to check types takes one core.
test: $(VENV)/tools
	@$(MAKE) --no-print-directory --jobs=2 lint types unit wheel

lint: $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/tools
	$(BIN)/mypy

unit: $(VENV)/tools
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

wheel: $(VENV)/tools
	rm -rf build dist
	$(BIN)/python -m build --wheel --outdir dist . > /dev/null
	PYTHON=$(PYTHON) bash tests/wheel.sh dist/*.whl

soak: $(VENV)/tools
	MASKWRIGHT_KILLS=30 $(BIN)/python -m pytest -s tests/test_resume.py tests/test_faults.py

fuzz: $(VENV)/tools
	$(BIN)/python tests/fuzzing.py --inputs 1000000

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
