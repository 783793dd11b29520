"""The floors of the house: an import never goes up (pyproject.toml, importlinter)."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent


@pytest.fixture
def logging_again() -> Iterator[None]:
    """The linter's own configuration of logging silences every logger that there is."""
    yield
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.mark.usefixtures("logging_again")
def test_no_import_goes_up() -> None:
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS
