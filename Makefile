# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
FUZZ_SECONDS ?= 60
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint constraints.txt

# Tests start hundreds of programs: none compiles anew what another has compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast fuzz release check format coverage clean

demo: .venv/.demo            ## train on the bundled corpus, evaluate, tag a few sentences
	$(BIN)/tagsmith demo

# What the backend has a part in; all else is the same on each.
ON_TENSORFLOW := tests/network $(addprefix tests/training/test_,optimizer.py resume.py step.py) \
	tests/training/test_training.py::test_a_trained_tagger_learns_and_is_the_same_after_loading \
	$(addprefix tests/integrations/test_keras.py::test_,a_lookup_layer_in_the_model_says_the_words \
	$(foreach cell,lstm gru gru-reset-before rnn, \
	"every_cell_gives_the_probabilities_of_predict[$(cell)-both-ways-stacked]"))
ON_JAX_ALONE := $(addprefix --ignore=tests/network/test_,backend.py batches.py)

test: .venv/.development     ## every test on JAX, then those of the network and its training on TensorFlow
	KERAS_BACKEND=jax $(BIN)/pytest -n 2 --dist worksteal
	KERAS_BACKEND=tensorflow $(BIN)/pytest -n 2 --dist worksteal $(ON_JAX_ALONE) $(ON_TENSORFLOW)

test-fast: .venv/.development ## the unit tests alone
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

fuzz: .venv/.development     ## property tests with new random examples, FUZZ_TIMES (50) as many as `make test` tries; atheris
	$(BIN)/pytest -n 2 --dist worksteal -m hypothesis --hypothesis-profile=fuzz
	@if $(BIN)/python -c "import atheris" 2>/dev/null; then $(BIN)/python tests/fuzz/with_atheris.py $(FUZZ_SECONDS); \
	else echo "atheris is not installed: no fuzzing by coverage (pip install atheris)"; fi

release: .venv/.release      ## build the packages in dist, with a bill of materials; try them in clean environments
	$(BIN)/python release/check.py $(STEPS)

check: .venv/.development    ## style and types
	$(BIN)/ruff check src tests benchmarks models release docs/*.py
	$(BIN)/ruff format --check src tests benchmarks models release docs/*.py
	$(BIN)/mypy

format: .venv/.development
	$(BIN)/ruff check --fix src tests benchmarks models release docs/*.py
	$(BIN)/ruff format src tests benchmarks models release docs/*.py

coverage: .venv/.development
	$(BIN)/pytest --cov=tagsmith --cov-report=term-missing -m "not slow"

.venv/.demo: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(PIP) --editable ".[train]"
	touch $@

.venv/.development: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(PIP) uv
	$(UV) --editable ".[train,tensorflow,vectors,serve,arrow,hf,remote,sklearn,spacy,ray,spark,dev]"
	touch $@

.venv/.release: .venv/.development
	$(UV) --editable ".[release]"
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
