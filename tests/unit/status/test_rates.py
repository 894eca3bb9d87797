from server.status.rates import WINDOW, Rates


def read(rates: Rates, now: float, value: int, key: str = "a") -> float:
    rates.begin(now)
    return rates.rate(key, value)


def test_the_first_sample_has_no_rate() -> None:
    assert read(Rates(), 10.0, 500) == 0.0


def test_a_rate_is_over_the_window() -> None:
    rates = Rates()
    for second in range(20):
        found = read(rates, float(second), 100 * second)
    assert found == 100.0
    assert read(rates, 20.0, 1900) == 100 * (WINDOW - 1) / WINDOW


def test_a_counter_that_begins_anew_or_appears_has_no_rate() -> None:
    rates = Rates()
    read(rates, 0.0, 1000)
    assert read(rates, 1.0, 10) == 0.0
    assert rates.rate("b", 7) == 0.0


def test_what_is_old_is_forgotten() -> None:
    rates = Rates()
    for number in range(10_000):
        read(rates, number / 10, number)
    assert len(rates._samples) <= WINDOW * 10 + 2
