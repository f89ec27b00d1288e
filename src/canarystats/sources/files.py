"""Recorded rollouts as files: one directory, or one table, CSV or Parquet (docs/recordings.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.sources.columns import METRIC_NAME, columns_of, columns_of_all
from canarystats.sources.pairs import pair_from_table, pairs_from_table
from canarystats.sources.rollout import ROLLOUT_FILE, About, policy_of, read_rollout, rollout_of
from canarystats.sources.tables import SUFFIXES, read_table, write_table
from canarystats.windows import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence


_SHIPPED = "recordings"


@dataclass(frozen=True, slots=True, repr=False)
class Recording:
    """A recorded rollout.

    Parameters
    ----------
    name, description
        For readers.
    share
        The canary's designed traffic share, in (0, 1); None where the caller must say.
    interval_seconds
        Time between ticks; None where the recording does not say.
    policy
        The name of a preset, or the path of a policy file; None where the caller must say.
    source, license
        Where the numbers come from, and what they may be used for.
    pairs
        The metrics: of a directory by name, of a table in the order of its columns.
    path
        Where the recording was read.
    """

    name: str
    path: Path
    pairs: tuple[Pair, ...] = field(default=())
    description: str = ""
    share: float | None = None
    interval_seconds: float | None = None
    policy: str | None = None
    source: str = ""
    license: str = ""

    def __repr__(self) -> str:
        ticks = max((pair.n_ticks for pair in self.pairs if pair.times is not None), default=0)
        metrics = ", ".join(pair.name for pair in self.pairs)
        return f"Recording {self.name!r}: {ticks} ticks of {metrics}."


def read_recording(path: str | Path) -> Recording:
    """Read a recorded rollout.

    Parameters
    ----------
    path
        A directory with ``rollout.yaml`` and one ``<metric>.csv`` or ``<metric>.parquet`` per
        metric; or one such file with every metric, which says nothing of share and policy.

    Raises
    ------
    SourceError
        ``not_found`` if there is nothing at the path.
    InputError
        If a file does not hold what it must; the message names file, line and column.
    MissingExtraError
        If a file is Parquet and pyarrow is not installed.
    """
    path = Path(path)
    if path.is_dir():
        return _read_directory(path)
    if not path.exists():
        raise SourceError(SourceErrorKind.NOT_FOUND, f"{path}: there is no such file or directory")
    _refuse_unknown_suffix(path)
    return Recording(path.stem, path, pairs_from_table(read_table(path)))


def write_recording(
    path: str | Path,
    pairs: Sequence[Pair],
    *,
    suffix: Literal[".csv", ".parquet"] = ".csv",
    **about: Unpack[About],
) -> None:
    """Write a rollout so that `read_recording` gives back the same numbers, to the last bit.

    A gauge's pods are numbered. A limit written for every tick is read back as one row where it
    never changes.

    Parameters
    ----------
    path
        A directory, made where there is none; or one file whose name ends in ``.csv`` or
        ``.parquet``.
    pairs
        The metrics. In one file they must share their times and carry no notes.
    suffix
        What a directory's metric files end in.
    about
        Name (the directory's, unless given), description, share, interval_seconds, policy, source
        and license; a single file holds none of them.

    Raises
    ------
    InputError
        If something cannot be written so that it could be read back, or the directory holds
        metrics of another recording.
    MissingExtraError
        If the files are to be Parquet and pyarrow is not installed.
    """
    path = Path(path)
    _refuse_names(pairs)
    if path.suffix in SUFFIXES:
        lost = [*about, *(f"the notes of {pair.name}" for pair in pairs if pair.notes)]
        if lost:
            msg = f"{path}: a single file cannot hold {', '.join(lost)}; write a directory"
            raise InputError(msg)
        write_table(path, columns_of_all(pairs))
        return
    rollout = rollout_of(path, pairs, about)
    tables = {f"{pair.name}{suffix}": columns_of(pair) for pair in pairs}
    foreign = {file.name for file in _metric_files(path)} - set(tables)
    if foreign:
        msg = f"{path}: {', '.join(sorted(foreign))} of another recording is in the way"
        raise InputError(msg)
    path.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        write_table(path / name, columns)
    (path / ROLLOUT_FILE).write_text(rollout.to_yaml(), encoding="utf-8")


def list_recordings() -> tuple[str, ...]:
    """The names of the recordings that ship with the package."""
    root = Path(str(resources.files("canarystats"))) / _SHIPPED
    return tuple(sorted(file.parent.name for file in root.glob(f"*/{ROLLOUT_FILE}")))


def shipped(name: str) -> Path:
    """The directory of a recording that ships with the package.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in list_recordings():
        msg = f"there is no shipped recording {name!r}; there are {', '.join(list_recordings())}"
        raise InputError(msg)
    return Path(str(resources.files("canarystats"))) / _SHIPPED / name


def _read_directory(path: Path) -> Recording:
    rollout = read_rollout(path / ROLLOUT_FILE)
    files = _metric_files(path)
    names = [file.stem for file in files]
    if not files:
        msg = f"{path}: there is no metric; expected <metric>.csv or <metric>.parquet"
        raise InputError(msg)
    for name in names:
        if not METRIC_NAME.fullmatch(name):
            msg = f"{path}: {name!r} is not the name of a metric; use letters, digits and '_'"
            raise InputError(msg)
        if names.count(name) > 1:
            msg = f"{path}: the metric {name!r} is there as CSV and as Parquet; keep one"
            raise InputError(msg)
    unknown = set(rollout.notes) - set(names)
    if unknown:
        msg = f"{path / ROLLOUT_FILE}: notes: there is no metric {min(unknown)!r}"
        raise InputError(msg)
    return Recording(
        name=rollout.name,
        path=path,
        pairs=tuple(
            pair_from_table(file.stem, read_table(file), rollout.notes.get(file.stem, ()))
            for file in files
        ),
        description=rollout.description,
        share=rollout.share,
        interval_seconds=rollout.interval,
        policy=policy_of(path, rollout),
        source=rollout.source,
        license=rollout.license,
    )


def _metric_files(path: Path) -> list[Path]:
    found = path.iterdir() if path.is_dir() else ()
    return sorted(f for f in found if f.suffix in SUFFIXES and not f.name.startswith("."))


def _refuse_unknown_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        msg = f"{path}: a recording is a directory, or a file that ends in .csv or .parquet"
        raise InputError(msg)


def _refuse_names(pairs: Sequence[Pair]) -> None:
    if not pairs:
        msg = "pairs is empty; a recording has at least one metric"
        raise InputError(msg)
    names = [pair.name for pair in pairs]
    for name in names:
        if not METRIC_NAME.fullmatch(name):
            msg = f"metric {name!r} cannot be written; use letters, digits and '_' in its name"
            raise InputError(msg)
        if names.count(name) > 1:
            msg = f"metric {name!r} is in pairs {names.count(name)} times"
            raise InputError(msg)
