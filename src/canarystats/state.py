"""States are small frozen dataclasses; this turns them into plain JSON data and back, bit for bit.

A state holds numbers, text, arrays, other states, and tuples or dictionaries of those. It is
written as the values of its fields in their order, states within it without the last ones that are
as they begin, and all of its arrays as one text: in place of an array stands its shape. Numbers
survive JSON exactly, because Python writes the shortest text that reads back to the same number;
NaN and infinities, which JSON does not know, are text. The arrays are the bytes of their float64s,
compressed: a third of the text, and the same bits.
"""

from __future__ import annotations

import math
import zlib
from base64 import b64decode, b64encode
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

BYTES = 8  # of a float64


def pack(state: object) -> dict[str, Any]:
    """Plain data for a state: its values, and its arrays as text."""
    arrays = list[NDArray[np.float64]]()
    values: Any
    if is_dataclass(state):
        kind: Any = type(state)
        values = [_packed(getattr(state, name), arrays) for name in _names(kind)]
    else:
        values = _packed(state, arrays)
    return {"values": values, "arrays": _text(arrays)}


def _packed(state: object, arrays: list[NDArray[np.float64]]) -> Any:
    """The values of a state; its arrays go into ``arrays``, and their shapes stand for them."""
    if isinstance(state, np.ndarray):
        arrays.append(state)
        return list(state.shape)
    if is_dataclass(state):
        kind: Any = type(state)
        values = [_packed(getattr(state, name), arrays) for name in _names(kind)]
        return _without_defaults(kind, values)
    if isinstance(state, dict):
        return {key: _packed(value, arrays) for key, value in state.items()}
    if isinstance(state, tuple | list):
        return [_packed(value, arrays) for value in state]
    return _number(state) if isinstance(state, float) else state


def _without_defaults(kind: Any, values: list[Any]) -> list[Any]:
    """The values of a state up to the last one that is not as it begins."""
    begins = _begins(kind)
    n = len(values)
    while n and begins[n - 1] is not MISSING and repr(values[n - 1]) == repr(begins[n - 1]):
        n -= 1
    return values[:n]


@cache
def _begins(kind: Any) -> tuple[Any, ...]:
    """What each field begins as, packed; MISSING where it has no default, or one with arrays."""
    found = []
    for held in fields(kind):
        made = held.default
        if held.default_factory is not MISSING:
            made = held.default_factory()
        arrays = list[NDArray[np.float64]]()
        packed = MISSING if made is MISSING else _packed(made, arrays)
        found.append(MISSING if arrays else packed)
    return tuple(found)


def _text(arrays: Sequence[NDArray[np.float64]]) -> str:
    # Column by column, and the first bytes of every number before the second ones: what lies side
    # by side is then alike, and compresses.
    numbers = np.concatenate([np.empty(0), *(array.ravel(order="F") for array in arrays)])
    planes = np.frombuffer(numbers.astype("<f8").tobytes(), np.uint8).reshape(-1, BYTES).T
    return b64encode(zlib.compress(planes.tobytes(), 9)).decode()


class _Arrays:
    """The arrays in a text, taken one by one in the order in which they were written."""

    def __init__(self, text: str) -> None:
        planes = np.frombuffer(zlib.decompress(b64decode(text, validate=True)), np.uint8)
        numbers = planes.reshape(BYTES, -1).T.tobytes()
        self._numbers = np.frombuffer(numbers, "<f8").astype(np.float64)
        self._taken = 0

    def take(self, shape: list[int]) -> NDArray[np.float64]:
        """The next array, laid out row by row."""
        end = self._taken + math.prod(shape)
        if min(shape, default=0) < 0 or end > len(self._numbers):
            msg = f"{len(self._numbers) - self._taken} numbers are no array of shape {shape}"
            raise ValueError(msg)
        numbers, self._taken = self._numbers[self._taken : end], end
        return np.array(numbers.reshape(shape, order="F"), order="C")

    def close(self) -> None:
        """Refuse numbers that belong to no array."""
        if self._taken != len(self._numbers):
            msg = f"{len(self._numbers) - self._taken} numbers are left over"
            raise ValueError(msg)


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
        return _whole(kind, **data)  # type: ignore[no-any-return]
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        msg = f"{path}: this is not a saved {kind.__name__} ({error!r})"
        raise InputError(msg) from error


def _whole(kind: Any, values: Any, arrays: str) -> Any:
    if is_dataclass(kind) and len(values) != len(fields(kind)):
        msg = f"{len(values)} values for {len(fields(kind))} fields"
        raise ValueError(msg)
    numbers = _Arrays(arrays)
    state = _unpack(kind, values, numbers)
    numbers.close()
    return state


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


def one_row(states: T, k: int) -> T:
    """A row of a state of several, itself a state of one row."""
    if isinstance(states, np.ndarray):
        return states[k : k + 1]  # type: ignore[return-value]
    kind: Any = type(states)
    return kind(*[one_row(getattr(states, name), k) for name in _names(kind)])  # type: ignore[no-any-return]


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _unpack(kind: Any, data: Any, arrays: _Arrays) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        inner = [arg for arg in args if arg is not NoneType]
        return None if data is None else _unpack(inner[0], data, arrays)
    if origin is np.ndarray or kind is np.ndarray:
        return arrays.take([_plain(int, n) for n in _plain(list, data)])
    if is_dataclass(kind):
        names, hints = _names(kind), _hints(kind)  # type: ignore[arg-type]
        values = _plain(list, data)
        if len(values) > len(names):
            msg = f"{len(values)} values for the {len(names)} fields of {kind.__name__}"  # type: ignore[union-attr]
            raise ValueError(msg)
        given = zip(names, values, strict=False)
        return kind(**{name: _unpack(hints[name], value, arrays) for name, value in given})  # type: ignore[operator]
    if origin is tuple:
        return tuple(_unpack(args[0], item, arrays) for item in _plain(list, data))
    if origin is dict:
        return {key: _unpack(args[1], item, arrays) for key, item in data.items()}
    return _plain(kind, data)


def _plain(kind: Any, data: Any) -> Any:
    if kind is float and isinstance(data, int | str) and not isinstance(data, bool):
        return float(data)
    if isinstance(kind, type) and not isinstance(data, kind):
        msg = f"{data!r} is not {kind.__name__}"
        raise TypeError(msg)
    return data
