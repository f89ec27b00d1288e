"""States are small frozen dataclasses; this turns them into plain JSON data and back, bit for bit.

A state holds numbers, text, arrays, other states, and tuples or dictionaries of those. Floats
survive JSON exactly, because Python writes the shortest text that reads back to the same number;
NaN and infinities, which JSON does not know, are text. Arrays of more than a few numbers are the
bytes of their float64s, compressed: a third of the text, and the same bits.
"""

from __future__ import annotations

import math
import zlib
from base64 import b64decode, b64encode
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

FEW = 4  # arrays of so many numbers are readable text, and no longer than their bytes
BYTES = 8  # of a float64


def pack(state: object) -> Any:
    """Plain data for a state."""
    if isinstance(state, np.ndarray):
        return _packed_array(state)
    if is_dataclass(state):
        return {field.name: pack(getattr(state, field.name)) for field in fields(state)}
    if isinstance(state, dict):
        return {key: pack(value) for key, value in state.items()}
    if isinstance(state, tuple | list):
        return [pack(value) for value in state]
    return _number(state) if isinstance(state, float) else state


def _packed_array(array: NDArray[np.float64]) -> dict[str, Any]:
    shape = list(array.shape)
    if array.size <= FEW:
        return {"shape": shape, "data": [_number(x) for x in array.ravel().tolist()]}
    # First bytes of every number, then second bytes: neighbours share exponents, not digits.
    columns = np.frombuffer(array.astype("<f8").tobytes(), np.uint8).reshape(-1, BYTES).T
    return {"shape": shape, "bytes": b64encode(zlib.compress(columns.tobytes(), 9)).decode()}


def _unpacked_array(data: Any) -> NDArray[np.float64]:
    shape = [int(n) for n in data["shape"]]
    if "bytes" not in data:
        return np.array([float(x) for x in data["data"]]).reshape(shape)
    size = BYTES * math.prod(shape)
    raw = zlib.decompressobj().decompress(b64decode(data["bytes"], validate=True), size + 1)
    if len(raw) != size:
        msg = f"an array of shape {shape} is not of {len(raw)} bytes"
        raise ValueError(msg)
    columns = np.frombuffer(raw, np.uint8).reshape(BYTES, -1)
    return np.frombuffer(columns.T.tobytes(), "<f8").astype(np.float64).reshape(shape)


def _number(value: float) -> float | str:
    return value if isfinite(value) else repr(value)


def unpack(kind: type[T], data: Any, path: str = "state") -> T:
    """The state of type ``kind`` in plain data.

    Raises
    ------
    InputError
        If the data is not what `pack` writes for that type; the message names the place.
    """
    try:
        return _unpack(kind, data)  # type: ignore[no-any-return]
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        msg = f"{path}: this is not a saved {kind.__name__} ({error!r})"
        raise InputError(msg) from error


def require_same_form(fresh: object, restored: object, path: str = "state") -> None:
    """Refuse a restored state whose keys or arrays are not those of a fresh one.

    An array that begins without rows may have any number of them.

    Raises
    ------
    InputError
        If the forms differ; the message names the place.
    """
    if isinstance(fresh, np.ndarray) and isinstance(restored, np.ndarray):
        grows = fresh.shape[:1] == (0,)
        if fresh.shape[grows:] != restored.shape[grows:]:
            msg = f"{path}: shape {restored.shape} is not {fresh.shape}; this state does not fit"
            raise InputError(msg)
    elif isinstance(fresh, dict) and isinstance(restored, dict):
        if set(fresh) != set(restored):
            msg = f"{path}: {sorted(restored)} are not {sorted(fresh)}; this state does not fit"
            raise InputError(msg)
        for key, value in fresh.items():
            require_same_form(value, restored[key], f"{path}.{key}")
    elif is_dataclass(fresh):
        for field in fields(fresh):
            name = field.name
            require_same_form(getattr(fresh, name), getattr(restored, name), f"{path}.{name}")


def side_by_side(states: Sequence[T]) -> T:
    """One state with the rows of several: every array in it has a leading axis of rows."""
    first = states[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(states)  # type: ignore[arg-type, return-value]
    kind: Any = type(first)
    return kind(*[side_by_side([getattr(s, name) for s in states]) for name in _names(kind)])  # type: ignore[no-any-return]


def row(states: T, k: int) -> T:
    """One row of a state of several, itself a state of one row."""
    if isinstance(states, np.ndarray):
        return states[k : k + 1]  # type: ignore[return-value]
    kind: Any = type(states)
    return kind(*[row(getattr(states, name), k) for name in _names(kind)])  # type: ignore[no-any-return]


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _unpack(kind: Any, data: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        inner = [arg for arg in args if arg is not NoneType]
        return None if data is None else _unpack(inner[0], data)
    if origin is np.ndarray or kind is np.ndarray:
        return _unpacked_array(data)
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        if set(data) != set(hints):
            msg = f"keys {sorted(data)} are not {sorted(hints)}"
            raise ValueError(msg)
        return kind(**{name: _unpack(hint, data[name]) for name, hint in hints.items()})  # type: ignore[operator]
    if origin is tuple:
        return tuple(_unpack(args[0], item) for item in data)
    if origin is dict:
        return {key: _unpack(args[1], item) for key, item in data.items()}
    return _plain(kind, data)


def _plain(kind: Any, data: Any) -> Any:
    if kind is float and isinstance(data, int | str) and not isinstance(data, bool):
        return float(data)
    if isinstance(kind, type) and not isinstance(data, kind):
        msg = f"{data!r} is not {kind.__name__}"
        raise TypeError(msg)
    return data
