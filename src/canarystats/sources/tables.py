"""CSV and Parquet files as columns of numbers, and back, without losing a bit.

An empty cell is NaN. The column ``time`` holds Unix seconds, or in CSV ISO-8601 with an offset.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.errors import InputError, MissingExtraError, SourceError, SourceErrorKind
from canarystats.sources.columns import TIME, Table, refuse_repeated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from canarystats.sources.columns import Columns, FloatArray

SUFFIXES = (".csv", ".parquet")
NANOSECONDS = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)(?=[Zz+-])")


def read_table(path: Path) -> Table:
    """Read a CSV or Parquet file, as its suffix says.

    Raises
    ------
    SourceError
        ``not_found`` if there is no such file.
    InputError
        If the file is not such a table; the message names file, line and column.
    MissingExtraError
        If the file is Parquet and pyarrow is not installed.
    """
    if not path.is_file():
        raise SourceError(SourceErrorKind.NOT_FOUND, f"{path}: there is no such file")
    table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    if not len(next(iter(table.columns.values()))):
        msg = f"{path}: there is a header and no rows"
        raise InputError(msg)
    return table


def write_table(path: Path, columns: Columns) -> None:
    """Write a CSV or Parquet file, as its suffix says; NaN becomes an empty cell.

    Raises
    ------
    MissingExtraError
        If the file is to be Parquet and pyarrow is not installed.
    """
    if path.suffix == ".parquet":
        arrow, parquet = _pyarrow("Writing Parquet")
        arrays = {name: arrow.array(values, from_pandas=True) for name, values in columns.items()}
        parquet.write_table(arrow.table(arrays), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            [_text(value) for value in row]
            for row in zip(*(values.tolist() for values in columns.values()), strict=True)
        )


def unix_seconds(text: str) -> float:
    """Unix seconds of a number or of an ISO-8601 time with an offset, to the nearest float.

    Raises
    ------
    ValueError
        If the text is neither.
    """
    try:
        return number(text)
    except ValueError:
        pass
    fraction = _FRACTION.search(text)
    digits = fraction[1] if fraction else ""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        msg = (
            f"{text!r} is not a time; write Unix seconds or ISO-8601 with an offset, such as "
            "2022-08-22T07:45:00+00:00"
        )
        raise ValueError(msg)
    since = moment - _EPOCH
    seconds = since.days * 86400 + since.seconds
    # One division of whole numbers rounds once, so the nearest float comes out.
    scale: int = 10 ** len(digits)
    return (seconds * scale + int(digits or 0)) / scale


def number(text: str) -> float:
    """A number as text; nothing at all is NaN.

    Raises
    ------
    ValueError
        If the text is not a number.
    """
    if not text:
        return np.nan
    if "_" in text:
        msg = f"{text!r} is not a number"
        raise ValueError(msg)
    try:
        return float(text)
    except ValueError as error:
        msg = f"{text!r} is not a number; leave the cell empty where there is none"
        raise ValueError(msg) from error


def _text(value: float) -> str:
    return "" if np.isnan(value) else repr(value).removesuffix(".0")


def _read_csv(path: Path) -> Table:
    where = str(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(file, where))
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{where}: this is not a CSV file in UTF-8 ({error})"
        raise InputError(msg) from error
    if not rows:
        msg = f"{where}: the file is empty; it must begin with a line of column names"
        raise InputError(msg)
    (_, header), *body = rows
    refuse_repeated(where, header)
    table = Table(where, {}, [line for line, _ in body])
    for i, name in enumerate(header):
        table.columns[name] = _numbers(table, name, [cells[i] for _, cells in body])
    return table


def _rows(file: Any, where: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank, all as wide as the first."""
    width = 0
    reader = csv.reader(file, strict=True)
    for cells in reader:
        if not cells:
            continue
        if any("\0" in cell for cell in cells):
            msg = f"{where}: this is not a CSV file in UTF-8 (it holds zero bytes)"
            raise InputError(msg)
        width = width or len(cells)
        if len(cells) != width:
            msg = f"{where}, line {reader.line_num}: {len(cells)} cells, and the header has {width}"
            raise InputError(msg)
        yield reader.line_num, [cell.strip() for cell in cells]


def _numbers(table: Table, column: str, cells: list[str]) -> FloatArray:
    parse = unix_seconds if column == TIME else number
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = parse(cell)
        except ValueError as error:
            msg = f"{table.place(row, column)}: {error}"
            raise InputError(msg) from error
    return values


def _pyarrow(need: str) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(need, "pyarrow", "parquet") from error
    return pa, parquet


def _read_parquet(path: Path) -> Table:
    where = str(path)
    arrow, parquet = _pyarrow("Reading Parquet")
    try:
        data = parquet.ParquetFile(path).read()
    except (arrow.ArrowInvalid, OSError) as error:
        msg = f"{where}: this is not a Parquet file ({error})"
        raise InputError(msg) from error
    if not data.num_columns:
        msg = f"{where}: there are no columns"
        raise InputError(msg)
    refuse_repeated(where, data.column_names)
    return Table(
        where,
        {
            name: _arrow_numbers(arrow, data.column(name), f"{where}, column {name!r}")
            for name in data.column_names
        },
    )


def _arrow_numbers(arrow: Any, column: Any, field: str) -> FloatArray:
    kinds = arrow.types
    if kinds.is_timestamp(column.type):
        if column.type.tz is None:
            msg = f"{field}: these times have no time zone; they must have one"
            raise InputError(msg)
        ticks = column.cast(arrow.timestamp("ns", tz="UTC")).cast(arrow.int64()).to_pylist()
        return np.array([np.nan if t is None else t / NANOSECONDS for t in ticks])
    if not (
        kinds.is_integer(column.type)
        or kinds.is_floating(column.type)
        or column.type == arrow.null()
    ):
        msg = f"{field}: it holds {column.type}; it must hold numbers, or times with a time zone"
        raise InputError(msg)
    return np.asarray(column.cast(arrow.float64()).to_numpy(), dtype=np.float64)
