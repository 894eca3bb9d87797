"""The engine's values as JSON, and back: for recordings and for what is expected of a replay. Pure.

A structure is an object with its `type` first and without the fields that have their default value, octets
are hexadecimal digits, addresses are text, sets are sorted lists. The types of the fields say how to read
it, so the engine's types need know nothing of this.
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

TYPE: Final = "type"
_ADDRESSES: Final = (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface)
_SCALARS: Final = (str, int, float, bool)


class PlainError(ValueError):
    """JSON that is not what the type asks for; the message says which field of what."""


class _Field(NamedTuple):
    name: str
    default: object
    hint: Any


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of the engine
    """Return the value as what JSON has."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, _ADDRESSES):
        return str(value)
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, AbstractSet):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    return _plain_structure(value)


def _plain_mapping(value: Mapping[Any, Any]) -> Any:  # noqa: ANN401
    """Keys that are no text are part of their values, as the key of a route is."""
    if all(isinstance(key, str) for key in value):
        return {str(key): plain(value[key]) for key in sorted(value)}
    return sorted((plain(item) for item in value.values()), key=str)


def _plain_structure(value: Any) -> dict[str, Any]:  # noqa: ANN401
    found: dict[str, Any] = {TYPE: type(value).__name__}
    kind: Any = type(value)
    for field in _fields(kind):
        item = getattr(value, field.name)
        if field.default is msgspec.NODEFAULT or item != field.default:
            found[field.name] = plain(item)
    return found


def revived(hint: Any, data: Any) -> Any:  # noqa: ANN401
    """Return the value of type `hint` that `plain` made `data` of. Raises PlainError."""
    origin = get_origin(hint)
    if origin is not None:
        return _revived_generic(origin, get_args(hint), data)
    if hint is type(None) or hint in _SCALARS:
        return _scalar(hint, data)
    try:
        if hint is bytes:
            return bytes.fromhex(data)
        if hint in _ADDRESSES or issubclass(hint, Enum):
            return hint(data)
    except (TypeError, ValueError) as error:
        raise PlainError(str(error)) from error
    return _revived_structure(hint, data)


def _scalar(hint: Any, data: Any) -> Any:  # noqa: ANN401
    if hint is float and type(data) is int:
        return float(data)
    if type(data) is not hint and not (hint is type(None) and data is None):
        raise PlainError(f"{str(data)[:40]!r} is not {hint.__name__}")
    return data


def _revived_generic(origin: Any, arguments: tuple[Any, ...], data: Any) -> Any:  # noqa: ANN401
    if origin in (Union, types.UnionType):
        return _revived_union(arguments, data)
    if issubclass(origin, Mapping):
        if not isinstance(data, dict):
            raise PlainError(f"{str(data)[:40]!r} is not an object")
        return {key: revived(arguments[1], item) for key, item in data.items()}
    if not isinstance(data, list):
        raise PlainError(f"{str(data)[:40]!r} is not a list")
    return origin(revived(arguments[0], item) for item in data)


def _revived_union(members: tuple[Any, ...], data: Any) -> Any:  # noqa: ANN401
    if data is None and type(None) in members:
        return None
    if isinstance(data, dict):
        for member in members:
            if getattr(member, "__name__", "") == data.get(TYPE):
                return revived(member, data)
        raise PlainError(f"{str(data.get(TYPE))[:40]!r} is none of the types that may be here")
    if IPv6Address in members:
        try:
            return ip_address(data)
        except ValueError as error:
            raise PlainError(str(error)) from error
    rest = [member for member in members if member is not type(None)]
    return revived(rest[0], data)


def _revived_structure(hint: Any, data: Any) -> Any:  # noqa: ANN401
    if not isinstance(data, dict) or data.get(TYPE) != hint.__name__:
        raise PlainError(f"{str(data)[:40]!r} is not {hint.__name__}")
    known = {field.name: field for field in _fields(hint)}
    found = {}
    for name, item in data.items():
        if name == TYPE:
            continue
        if name not in known:
            raise PlainError(f"{hint.__name__} has no {name[:40]!r}")
        try:
            found[name] = revived(known[name].hint, item)
        except PlainError as error:
            raise PlainError(f"{name}: {error}") from error
    missing = [name for name in known if name not in found and known[name].default is msgspec.NODEFAULT]
    if missing:
        raise PlainError(f"{hint.__name__} lacks {missing[0]!r}")
    return hint(**found)


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:  # noqa: ANN401
    """Return the fields of a structure, msgspec's, dataclass or named tuple."""
    return tuple(_found_fields(kind, get_type_hints(kind)))


def _found_fields(kind: Any, hints: Mapping[str, Any]) -> Iterator[_Field]:  # noqa: ANN401
    if issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            default = field.default
            if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            yield _Field(field.name, default, hints[field.name])
    elif dataclasses.is_dataclass(kind):
        for each in dataclasses.fields(kind):
            missing = each.default is dataclasses.MISSING
            yield _Field(each.name, msgspec.NODEFAULT if missing else each.default, hints[each.name])
    elif issubclass(kind, tuple):
        for name in kind._fields:
            default = kind._field_defaults.get(name, msgspec.NODEFAULT)
            yield _Field(name, default, hints.get(name, Any))
    else:
        raise TypeError(f"{kind.__name__} is no structure")
