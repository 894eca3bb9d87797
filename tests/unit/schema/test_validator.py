"""The client with a real validator child: answers, deaths, limits."""

import os
import signal
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.protocol.errors import ErrorTag, RpcErrors
from server.schema.model import Schema
from server.schema.validator import Validator
from server.schema.validator_wire import GREETING, MAX_FRAME, Request, Work, encode
from tests.support.schema import ValidatorKeeper
from tests.support.wait import wait_for

INTERFACES = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"


def interfaces(count: int, type_name: str = "ethernetCsmacd") -> bytes:
    entries = "".join(
        f"<interface><name>if{number}</name><type>i:{type_name}</type></interface>" for number in range(count)
    )
    return f'<interfaces xmlns="{INTERFACES}" xmlns:i="{IANA}">{entries}</interfaces>'.encode()


def shelf(inner: str) -> bytes:
    return f'<shop xmlns="urn:test:shop"><shelf><name>a</name>{inner}</shelf></shop>'.encode()


def processor_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.fixture
def validator(keeper: ValidatorKeeper, shop: Schema):
    client = Validator(keeper.connect, shop)
    yield client
    client.close()


def test_answers(keeper: ValidatorKeeper, validator: Validator):
    keeper.start()
    assert validator.canonical(shelf("<row>07</row>")) == shelf("<row>7</row>")
    validator.validate(shelf("<row>7</row>"))
    with pytest.raises(RpcErrors) as caught:
        validator.validate(shelf("<tidy>false</tidy>"))
    (error,) = caught.value.errors
    assert (error.app_tag, error.path) == ("untidy", "/sh:shop/sh:shelf[sh:name='a']/sh:tidy")
    assert validator.canonical(b"") == b""


def test_partial(keeper: ValidatorKeeper, validator: Validator):
    keeper.start()
    lacking = shelf("<counter><till>x</till><person>p</person><bell>b</bell></counter>")
    validator.validate(lacking, partial=True)
    with pytest.raises(RpcErrors, match="drawer"):
        validator.validate(lacking)


def test_waits_for_a_child_that_is_starting(keeper: ValidatorKeeper, validator: Validator):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(validator.canonical, b"")
        keeper.start()
        assert answer.result(30) == b""


def test_killed_in_the_middle_of_a_validate(keeper: ValidatorKeeper, shop: Schema):
    """The request is answered by the next child; the error in the data proves that it was really judged."""
    child = keeper.start()
    validator = Validator(keeper.connect, shop, restart_timeout=30)
    validator.validate(b"")
    started = processor_ticks(child.pid)
    document = interfaces(150_000) + shelf("<tidy>false</tidy>")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(validator.validate, document)
        wait_for(lambda: processor_ticks(child.pid) > started + 20, what="the child is at work")
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(10) == -signal.SIGKILL
        assert not answer.done()
        keeper.start()
        with pytest.raises(RpcErrors) as caught:
            answer.result(60)
    assert [error.app_tag for error in caught.value.errors] == ["untidy"]
    validator.validate(b"")
    validator.close()


def test_killed_between_requests_is_not_noticed(keeper: ValidatorKeeper, validator: Validator):
    for _round in range(3):
        child = keeper.start()
        validator.validate(b"")
        child.kill()
        child.wait()


def test_second_death_ends_the_request(shop: Schema, tmp_path: Path):
    """Two children that die of the same request; no third is tried."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "v.sock"))
    listener.listen()

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(tmp_path / "v.sock"))
        return connection

    def die_twice() -> int:
        served = 0
        listener.settimeout(10)
        for _attempt in range(2):
            connection, _ = listener.accept()
            connection.sendall(GREETING)
            connection.recv(1)
            connection.close()
            served += 1
        return served

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(die_twice)
        with pytest.raises(RpcErrors, match="could not judge this request") as caught:
            Validator(connect, shop).validate(shelf(""))
        assert served.result(10) == 2
    assert caught.value.errors[0].tag is ErrorTag.OPERATION_FAILED
    listener.close()


def test_no_child_comes_back(keeper: ValidatorKeeper, shop: Schema):
    with pytest.raises(RpcErrors, match="the validator is not there"):
        Validator(keeper.connect, shop, restart_timeout=0.05).validate(b"")


def test_no_listener(shop: Schema, tmp_path: Path):
    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(tmp_path / "nobody"))
        return connection

    with pytest.raises(RpcErrors, match="the validator is not there"):
        Validator(connect, shop).validate(b"")


def test_time_limit(keeper: ValidatorKeeper, shop: Schema):
    child = keeper.start()
    validator = Validator(keeper.connect, shop, restart_timeout=30)
    validator.validate(b"")
    validator._timeout = 0.1
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(RpcErrors, match="did not answer in time"):
        validator.validate(b"")
    os.kill(child.pid, signal.SIGCONT)
    validator._timeout = 30
    validator.validate(b"")
    validator.close()


def test_data_that_is_too_large_is_refused_here(shop: Schema):
    def connect() -> socket.socket:
        raise AssertionError("nothing is sent")

    with pytest.raises(RpcErrors, match="too large") as caught:
        Validator(connect, shop).canonical(bytes(MAX_FRAME))
    assert caught.value.errors[0].tag is ErrorTag.TOO_BIG


def test_threads_share_one_validator(keeper: ValidatorKeeper, validator: Validator):
    keeper.start()
    rows = [number % 10 + 1 for number in range(60)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda row: validator.canonical(shelf(f"<row>0{row}</row>")), rows))
    assert found == [shelf(f"<row>{row}</row>") for row in rows]


def test_a_bad_connection_does_not_disturb_the_others(keeper: ValidatorKeeper, validator: Validator):
    keeper.start()
    validator.validate(b"")
    for nonsense in (b"", struct.pack("!I", MAX_FRAME + 1), struct.pack("!I", 3) + b"\xff\xff\xff"):
        with keeper.connect() as connection:
            assert connection.recv(len(GREETING)) == GREETING
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    validator.validate(shelf(""))


def test_half_a_request_then_end(keeper: ValidatorKeeper, validator: Validator):
    keeper.start()
    with keeper.connect() as connection:
        connection.recv(len(GREETING))
        connection.sendall(encode(Request(Work.VALIDATE, b"x" * 1000))[:500])
    validator.validate(b"")


def test_sigterm_ends_the_child_with_0(keeper: ValidatorKeeper, validator: Validator):
    child = keeper.start()
    validator.validate(b"")
    child.send_signal(signal.SIGINT)
    validator.validate(b"")
    child.terminate()
    assert child.wait(10) == 0


def test_child_is_confined(keeper: ValidatorKeeper, validator: Validator):
    child = keeper.start()
    validator.validate(b"")
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{child.pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")] == ["64"]


def test_child_that_cannot_load_its_modules_ends_with_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    from tests.support.schema import sources_of

    sources = sources_of(tmp_path, m='leaf l { type string { pattern "[a-z"; } }')
    holder = ValidatorKeeper(tmp_path / "v.sock", sources)
    try:
        assert holder.start().wait(30) == 1
    finally:
        holder.close()
    assert "Traceback" not in capfd.readouterr().err


def test_requests_of_many_threads_survive_a_kill(keeper: ValidatorKeeper, shop: Schema):
    child = keeper.start()
    validator = Validator(keeper.connect, shop, restart_timeout=30)
    validator.validate(b"")
    killed = threading.Event()

    def ask(row: int) -> bytes:
        if row == 5:
            child.kill()
            child.wait()
            keeper.start()
            killed.set()
        return validator.canonical(shelf(f"<row>{row}</row>"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(1, 11))) == [shelf(f"<row>{row}</row>") for row in range(1, 11)]
    assert killed.is_set()
    validator.close()
