# Tasks of development: `just --list`. CONTRIBUTING.md tells more.

python := ".venv/bin/python"

# What there is
default:
    @just --list

# An environment with everything
setup:
    python3 -m venv .venv
    .venv/bin/pip install -q -U pip
    .venv/bin/pip install -q -e '.[test]' --group dev

# Format, lint, and rooms without sockets, processes and screens
fast:
    {{ python }} -m ruff format --check .
    {{ python }} -m ruff check .
    {{ python }} -m pytest -q -n auto -m fast

# Format, lint, types, floors, documents and what is generated
check:
    {{ python }} -m pytest -q tests/test_quality.py tests/test_floors.py tests/test_vocabulary.py tests/test_public_names.py tests/test_docs.py tests/test_schemas.py tests/test_man.py

# The whole suite, or what is named
test *arguments="-n auto":
    {{ python }} -m pytest {{ arguments }}

# The whole suite with its coverage
cover:
    {{ python }} -m coverage erase
    {{ python }} -m coverage run -m pytest -n auto
    {{ python }} -m coverage combine
    {{ python }} -m coverage report

# Real agents against a scripted model
real:
    SENTRYVIBE_TEST_REAL=1 {{ python }} -m tests.real.packages
    SENTRYVIBE_TEST_REAL=1 {{ python }} -m pytest -n 2 --dist loadfile tests/real

# Put the code in order
format:
    {{ python }} -m ruff check --fix .
    {{ python }} -m ruff format .

# Keep changed screens, after a look at snapshot_report.html
snapshots:
    {{ python }} -m pytest -q -n auto tests/tui --snapshot-update

# What is made from the source: JSON Schemas, the manual page and the README's table of settings
generate:
    {{ python }} docs/schemas.py
    {{ python }} docs/man.py
    {{ python }} docs/settings.py

# Wheel and sdist, checked, and the wheel tried in an environment of its own
build:
    rm -rf dist
    {{ python }} -m build
    {{ python }} -m twine check --strict dist/*
    .ci/smoke dist/*.whl
