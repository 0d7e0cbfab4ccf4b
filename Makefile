# Everything goes through this file; Python 3.11+ and make are all it needs.
# Every path is relative to this folder, so that a folder name with a space is no trouble.

PYTHON ?= python3
VENV_PYTHON = .venv/bin/python
NB ?=
UPGRADE ?=
COURSE ?=
MACHINE ?=
SOLUTIONS ?=

# Outputs must not depend on the machine: a fixed hash seed, and one thread in the linear algebra,
# whose sums would otherwise be split by the number of cores.
export PYTHONHASHSEED = 0
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
# The reader's own IPython start-up files and matplotlib settings stay out of the book.
export IPYTHONDIR = $(CURDIR)/.venv/ipython
export MPLCONFIGDIR = $(CURDIR)/.venv/matplotlib
unexport MPLBACKEND
# A hundred processes start in a run of the tests; none should compile the same modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# One after the other, also with -j: `make notebook execute` would run a notebook while it is written.
.NOTPARALLEL:
.PHONY: help env book pdf test test-elsewhere check-book lint format lock text notebook execute times assignments clean

help: ## this list
	@$(PYTHON) -c 'import re; [print(f"make {a:16}{b}") for a, b in re.findall(r"^([a-z-]+):.*## (.*)", open("Makefile").read(), re.M)]'

env: ## create .venv from requirements.lock
	@$(PYTHON) tools/environment.py $(if $(filter-out file,$(origin PYTHON)),--this-python)

book: env ## execute every chapter and render the book into _build/html; SOLUTIONS=no for students
	$(if $(filter-out yes no,$(SOLUTIONS)),$(error SOLUTIONS is yes or no, not $(SOLUTIONS)))
	@$(VENV_PYTHON) -m tools.book $(if $(filter no,$(SOLUTIONS)),--without-solutions)

pdf: env ## print the stored book into _build/mecllm.pdf (needs LaTeX; README names the packages)
	@$(VENV_PYTHON) -m tools.pdf

test: env ## run the tests, and every chapter against its stored outputs
	@$(VENV_PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval tests book

test-elsewhere: env ## chapters and numbers as other machines see them; MACHINE=older or moved for a half
	@$(VENV_PYTHON) -m tools.elsewhere $(if $(MACHINE),--machine $(MACHINE))

check-book: env ## render the stored outputs from nothing and look at every page (needs Chromium)
	@$(VENV_PYTHON) -m tools.book --committed
	@$(VENV_PYTHON) -m pytest -n 2 tests/built

lint: env ## style, format and types
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy

format: env ## mend style and format where that can be done without thinking
	@$(VENV_PYTHON) -m ruff check --fix-only --quiet .
	@$(VENV_PYTHON) -m ruff format .

lock: env ## resolve requirements.lock from pyproject.toml; UPGRADE=--upgrade for newer versions
	@$(VENV_PYTHON) -m uv pip compile pyproject.toml --quiet --output-file requirements.lock \
		--extra book --extra test --extra lint --extra classroom --generate-hashes \
		--universal --fork-strategy fewest --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" $(UPGRADE)

text: env ## NB=name: book/name.ipynb as text/name.py
	@$(VENV_PYTHON) -m tools.notebooks text $(NB)

notebook: env ## NB=name: text/name.py back into book/name.ipynb
	@$(VENV_PYTHON) -m tools.notebooks notebook $(NB)

execute: env ## NB=name: run book/name.ipynb in place; without NB every chapter
	@$(VENV_PYTHON) -m tools.notebooks execute $(NB)

times: env ## measure chapters and commands, for the page on the environment; NB=name, NB=commands: only this
	@$(VENV_PYTHON) -m tools.times $(NB)

assignments: env ## an nbgrader course from assignments/; COURSE=folder instead of _build/assignments
	@$(VENV_PYTHON) -m tools.assignments $(if $(COURSE),"$(COURSE)")

clean: ## remove _build and caches; .venv and text/ stay
	@rm -rf _build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
