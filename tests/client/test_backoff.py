import pytest

from sentryvibe_tui.client.backoff import ATTEMPTS, delay, next_delay


@pytest.mark.parametrize(
    ("attempt", "least"), [(0, 1000), (1, 2000), (2, 4000), (3, 8000), (4, 16000), (5, 30000), (9, 30000), (500, 30000)]
)
def test_doubles_up_to_thirty_seconds_with_a_second_of_jitter(attempt, least) -> None:
    assert delay(attempt, 0.0) == least
    assert delay(attempt, 0.999) == least + 999


def test_ten_attempts_then_it_gives_up() -> None:
    assert [next_delay(n, 0.0) for n in range(ATTEMPTS)] == [1000, 2000, 4000, 8000, 16000, *[30000] * 5]
    assert next_delay(ATTEMPTS, 0.0) is None


def test_a_server_may_ask_for_more_but_not_for_less_or_for_ever() -> None:
    assert next_delay(0, 0.0, 7_000) == 7_000
    assert next_delay(4, 0.0, 7_000) == 16_000
    assert next_delay(0, 0.0, 10**9) == 300_000
