"""Audits run a piece at a time, one after another, whatever becomes of one of them."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from dataplane.forwarding import auditor
from dataplane.forwarding.auditor import Auditor
from dataplane.forwarding.memory import MemoryPlane
from dataplane.forwarding.plane import PlaneError, Repairs


class AuditedPlane(MemoryPlane):
    """Its audits are told what to find."""

    def __init__(self, *pieces: Repairs | Exception) -> None:
        super().__init__()
        self.pieces = pieces
        self.begun: list[bool] = []

    def audit(self, *, whole: bool = True) -> Iterator[Repairs]:
        self.begun.append(whole)
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def ended(plane: AuditedPlane, *orders: Callable[[Auditor], None]) -> tuple[list[str | None], Repairs]:
    """Run audits, giving an order after each; what each ended with, and what was put right in all."""

    async def run() -> tuple[list[str | None], Repairs]:
        results: asyncio.Queue[str | None] = asyncio.Queue()
        under_test = Auditor(plane, results.put_nowait)
        told = []
        for order in orders:
            order(under_test)
            told.append(await asyncio.wait_for(results.get(), 10))
        return told, under_test.total

    return asyncio.run(run())


def look(under_test: Auditor) -> None:
    under_test.start(whole=False)


def test_what_the_pieces_put_right_is_added_up(caplog: pytest.LogCaptureFixture) -> None:
    plane = AuditedPlane(Repairs(missing=1), Repairs(different=2))
    assert ended(plane, look, look) == ([None, None], Repairs(missing=2, different=4))
    assert [record.message for record in caplog.records] == ["plane-repaired"] * 2


@pytest.mark.parametrize("failure", [PlaneError("no buffer space"), ValueError("a fault of ours")])
def test_an_audit_that_fails_says_why_and_is_not_the_last(failure: Exception) -> None:
    plane = AuditedPlane(Repairs(missing=1), failure)
    told, found = ended(plane, look, look)
    assert all(told)
    assert len(told) == 2
    assert found == Repairs(missing=2)
    assert plane.begun == [False, False]


def test_orders_while_one_runs_are_one_more_audit_the_whole_if_one_of_them_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor, "PAUSE", 0.0)
    plane = AuditedPlane(Repairs(), Repairs())

    def three(under_test: Auditor) -> None:
        for whole in (False, True, False):
            under_test.start(whole=whole)

    assert ended(plane, three)[0] == [None]
    assert plane.begun == [False, True]
