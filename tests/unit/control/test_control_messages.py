"""The control messages on the wire: they survive it, and nothing else gets through."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.config import (
    AccessConfig,
    DataplaneConfig,
    ETrunkArbitration,
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Role,
    Secret,
    Security,
    ServiceConfig,
    StaticArbitration,
    TlsConfig,
    UpstreamConfig,
)
from dataplane.control.messages import (
    LENGTH_SIZE,
    MAX_MESSAGE,
    Announced,
    ControlError,
    Generation,
    Piece,
    Prepare,
    State,
    decode_answer,
    decode_request,
    encode,
    length_of,
    whole,
)
from dataplane.control.transactions import read_delta
from dataplane.state import CopyStateChanged, GroupKey, StatePiece, StateSelection

CONFIG = DataplaneConfig(
    services=(
        ServiceConfig("v4", True, PeerConfig(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"), 2000)),
        ServiceConfig("v6", False, PeerConfig(IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2"), 2001)),
        ServiceConfig("none", security=Security.NONE),
        ServiceConfig("md5", security=Security.TCP_MD5, md5_key=Secret("k")),
        ServiceConfig("named", tls=TlsConfig("a", "b", "", "c")),
    ),
    profiles=(
        ProfileConfig("one", "v4", 7, arbitration=StaticArbitration(Role.MASTER)),
        ProfileConfig("two", igmp_copy=False, arbitration=ETrunkArbitration(3, security_key="k")),
    ),
    interfaces=(
        InterfaceConfig("eth0", access=AccessConfig("one", 4)),
        InterfaceConfig("eth1", False, upstream=UpstreamConfig(3)),
    ),
)


def test_a_secret_is_not_printed() -> None:
    text = repr(CONFIG) + repr(whole(CONFIG)) + str(CONFIG.services[3])
    assert "***" in text
    assert "'k'" not in repr(CONFIG) + repr(whole(CONFIG))


def test_a_configuration_survives_the_wire() -> None:
    request = Prepare(1, Generation("i", 2), whole(CONFIG))
    data = encode(request)
    assert length_of(data[:LENGTH_SIZE]) == len(data) - LENGTH_SIZE
    back = decode_request(data[LENGTH_SIZE:])
    assert back == request
    change = read_delta(request.delta)
    assert (change.services, change.profiles, change.interfaces) == (
        CONFIG.services,
        CONFIG.profiles,
        CONFIG.interfaces,
    )


def test_state_and_events_survive_the_wire() -> None:
    selection = StateSelection((), None, ("eth0",), (GroupKey("one"),), counts=False)
    assert decode_request(encode(State(5, selection))[LENGTH_SIZE:]) == State(5, selection)
    event = Announced(CopyStateChanged("one", "dhcp-stb", "active", "channel-down"), 3)
    assert decode_answer(encode(event)[LENGTH_SIZE:]) == event
    piece = Piece(5, StatePiece(), last=True)
    assert decode_answer(encode(piece)[LENGTH_SIZE:]) == piece


@given(st.binary(max_size=200))
def test_garbage_gives_the_declared_error(data: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with pytest.raises(ControlError):
            decode(data)


def test_an_announced_length_over_the_limit_is_refused() -> None:
    with pytest.raises(ControlError):
        length_of((MAX_MESSAGE + 1).to_bytes(LENGTH_SIZE, "big"))
