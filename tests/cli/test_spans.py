"""Lengths of time and speeds on the command line."""

import click
import pytest

from sentryvibe_tui.cli.spans import Length, Speed


@pytest.mark.parametrize(
    ("unit", "text", "length"),
    [
        ("s", "90", 90.0),
        ("s", "0.5", 0.5),
        ("s", "30m", 1800.0),
        ("m", "10", 10.0),
        ("m", "2h", 120.0),
        ("m", "90s", 1.5),
    ],
)
def test_an_option_takes_a_number_of_its_unit_or_a_span(unit: str, text: str, length: float) -> None:
    assert Length(unit).convert(text, None, None) == length


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "", "2y"])
def test_what_is_no_length_is_answered_with_what_is(text: str) -> None:
    with pytest.raises(click.BadParameter, match="a number, or like 90s, 30m, 2h"):
        Length("s").convert(text, None, None)


def test_a_speed_is_a_number_above_nothing() -> None:
    assert Speed().convert("0.5", None, None) == 0.5
    assert Speed().convert(1.0, None, None) == 1.0


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf", ""])
def test_what_is_no_speed_is_answered_with_what_is(text: str) -> None:
    with pytest.raises(click.BadParameter, match="a number above 0, like 2"):
        Speed().convert(text, None, None)
