PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check install
CPU_INDEX := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help book test check serve lint bench opdb notebooks times pictures recordings clean

help: ## list these commands
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# Made once; made anew when what to install has changed.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  f"Python 3.11 or later is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
ifneq (,$(filter Linux-x86_64 Linux-aarch64,$(shell uname -sm | tr ' ' -)))
	@echo "PyTorch for the CPU, from $(CPU_INDEX):"
	@$(PIP) -q --no-deps --retries 0 --timeout 5 --index-url $(CPU_INDEX) \
	  $$(grep '^torch==' requirements.txt) 2>/dev/null \
	  || echo "no answer from there, so PyTorch comes from the plain index (on Linux with CUDA, several GB)."
endif
	$(PIP) -r requirements.txt
	@touch $@

book: $(READY) ## build the book and print the page to open
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "Open file://$(CURDIR)/_build/html/index.html"

test: $(READY) ## all tests but the slow ones, the notebooks included
	$(BIN)/python -m pytest -m "not slow"

check: lint book ## everything that CI checks: lint, book, all tests
	$(BIN)/python -m pytest

serve: book ## serve the book at http://localhost:8000
	$(BIN)/python -m http.server --directory _build/html 8000

lint: $(READY) ## ruff and mypy, and where there is npm the types of the script
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund && npm run --silent lint; \
	  else echo "no npm here: the types of the scripts in gradflow/picture are not checked."; fi

bench: $(READY) ## measure what tracing and drawing cost, beside other tools
	@$(PIP) -q -e ".[bench]" || echo "The other tools could not be installed; they are left out."
	$(BIN)/python -m benchmarks

opdb: $(READY) ## check every operator of PyTorch's own database
	$(BIN)/python tests/opdb.py

notebooks: $(READY) ## run the chapters again and store their outputs
	$(BIN)/jupyter nbconvert --config book/_ext/nbconvert_config.py --to notebook --execute --inplace book/*.ipynb

times: $(READY) ## run the chapters, and record how long each takes
	$(BIN)/python tools/times.py

pictures: $(READY) ## draw the pictures of the README again
	$(BIN)/python tools/pictures.py

recordings: .venv-recordings/.ready ## run TensorFlow, Keras and JAX again, and record what they compute
	.venv-recordings/bin/python -m recordings

.venv-recordings/.ready: recordings/requirements.txt
	$(PYTHON) -m venv .venv-recordings
	.venv-recordings/bin/python -m pip --disable-pip-version-check install -r recordings/requirements.txt
	@touch $@

clean: ## delete what was built; .venv and .venv-recordings stay
	rm -rf _build .mypy_cache .pytest_cache .ruff_cache
