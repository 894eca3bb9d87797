"""When a client is called, and where."""

from dataclasses import replace

from server.transport.reconnect import STEADY, Client, Endpoint, Reconnector, StartWith, Strategy

ENDPOINTS = tuple(Endpoint(name, "192.0.2.1", 4334) for name in "abc")
CLIENT = Client("nms", False, ENDPOINTS, Strategy(max_attempts=2, min_backoff=1.0, max_backoff=8.0))


def starting_with(start_with: StartWith) -> Client:
    return replace(CLIENT, strategy=replace(CLIENT.strategy, start_with=start_with))


def test_each_endpoint_is_tried_in_turn_with_growing_pauses() -> None:
    calls, now, tried, pauses = Reconnector(CLIENT, lambda _: 0, 0.0), 0.0, "", []
    for _ in range(8):
        assert calls.due >= now
        pauses.append(calls.due - now)
        now = calls.due
        tried += calls.endpoint.name
        calls.failed(now)
    assert tried == "aabbccaa"
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]


def test_a_steady_connection_is_made_again_at_once_and_a_short_one_after_a_pause() -> None:
    calls = Reconnector(CLIENT, lambda _: 0, 0.0)
    calls.connected(0.0)
    calls.ended(STEADY)
    assert calls.due == STEADY
    calls.connected(STEADY)
    calls.ended(STEADY + 1)
    assert calls.due == STEADY + 2
    calls.connected(STEADY + 2)
    calls.ended(STEADY + 3)
    assert calls.due == STEADY + 5


def test_a_periodic_connection_is_made_from_beginning_to_beginning() -> None:
    calls = Reconnector(replace(CLIENT, period=100.0), lambda _: 0, 0.0)
    calls.connected(5.0)
    calls.ended(15.0)
    assert calls.due == 105.0
    calls.connected(105.0)
    calls.ended(300.0)
    assert calls.due == 300.0


def test_what_is_tried_first_after_a_connection() -> None:
    for start_with, expected in (
        (StartWith.FIRST_LISTED, "a"),
        (StartWith.LAST_CONNECTED, "b"),
        (StartWith.RANDOM_SELECTION, "c"),
    ):
        calls = Reconnector(starting_with(start_with), lambda count: count - 1, 0.0)
        while calls.endpoint.name != "b":
            calls.failed(0.0)
        calls.connected(0.0)
        calls.ended(STEADY)
        assert calls.endpoint.name == expected


def test_a_change_is_tried_at_once() -> None:
    calls = Reconnector(CLIENT, lambda _: 0, 0.0)
    for _ in range(4):
        calls.failed(0.0)
    calls.update(replace(CLIENT, endpoints=ENDPOINTS[:1]), 1.0)
    assert (calls.due, calls.endpoint.name) == (1.0, "a")
