# Two commands for everybody: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
# Where it is set, pytest and each of the hundreds of processes in the tests compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin
WORKERS ?= 4
TARGETS ?= 1000 5000
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --quiet

.PHONY: demo test check lint types layers format bench signal soak scale fuzz prism axe pictures mail-lint boot schema man lock clean

demo: $(BIN)/auditor
	@$(BIN)/auditor demo

# The tests of a module stay on one worker: what its fixtures make is made once.
test: $(VENV)/.development
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: lint types layers test

lint: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.development
	$(BIN)/mypy

layers: $(VENV)/.development
	PYTHONPATH=. $(BIN)/lint-imports --no-cache

format: $(VENV)/.development
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# By hand, some minutes: what runs cost, beside the aims; AGAINST=bench/results/… beside an earlier result.
bench: $(VENV)/.development
	$(BIN)/python -m bench.quiet_run --targets $(TARGETS) $(if $(AGAINST),--against $(AGAINST))

signal: $(VENV)/.development
	$(BIN)/python -m tests.signal.measure

soak: $(VENV)/.development
	$(BIN)/python -m tests.soak

# By hand, some minutes for each database: 20,000 blocks, all of which the vendor changes in one night.
scale: $(VENV)/.development
	$(BIN)/python -m tests.scale

# A hundred thousand mutated answers, by hand (half an hour); the suite tries a hundred.
fuzz: $(VENV)/.development
	$(BIN)/python -m tests.fuzz

# By hand: a mock of the published API document, audited; skipped where npm is absent.
prism: $(VENV)/.development
	$(BIN)/python -m tests.prism

# Needs npm and Chromium; fetches axe-core into a temporary folder.
axe: $(VENV)/.development
	$(BIN)/python -m tests.accessibility

# Needs Chromium and chromedriver: the pictures of docs/, or with FOLDER=… those of every kind of mail.
pictures: $(VENV)/.development
	$(BIN)/python -m tests.pictures $(FOLDER)

# By hand, not part of `check`: it fetches an npm package into a folder that goes again.
mail-lint: $(VENV)/.runtime
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	  echo "mail-lint skipped: Node and npm are not both here"; exit 0; fi; \
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/python -m auditor report --preview "$$folder/mails" && \
	npm install --silent --no-fund --no-audit --prefix "$$folder" caniemail@1.0.5 && \
	cp bench/mail_lint.mjs "$$folder" && \
	node "$$folder/mail_lint.mjs" bench/mail_lint.json $$(ls "$$folder"/mails/*.html | grep -v index)

# By hand and as root, about eight minutes: boots systemd in namespaces and installs the auditor there
# by docs/install.md. Needs no network.
boot: $(VENV)/.development
	PYTHON=$(abspath $(BIN))/python tests/systemd/boot.sh

# The files that are made from the code; tests say when one is not current.
schema: $(VENV)/.development
	$(BIN)/python -m auditor config schema > config.schema.json.new
	mv config.schema.json.new config.schema.json

man: $(VENV)/.development
	$(BIN)/python -m tests.man_page > docs/auditor.1.new
	mv docs/auditor.1.new docs/auditor.1

lock: $(VENV)/.development
	$(BIN)/$(LOCK) pyproject.toml -o requirements.txt
	$(BIN)/$(LOCK) pyproject.toml --extra workers -o requirements-workers.txt
	$(BIN)/$(LOCK) pyproject.toml --extra workers --group dev -o requirements-dev.txt

$(VENV)/bin/python:
	@echo "Making a Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	@echo "Installing what the auditor needs (a minute or so)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# What the demo prints is typed next: the command comes from this folder.
$(BIN)/auditor: pyproject.toml | $(VENV)/.runtime
	@echo "Installing the command $(BIN)/auditor"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.development: requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing what the tests need (a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV) demo-audit dist
