from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.needs import need

from canarystats.errors import InputError, MissingExtraError, SourceError, SourceErrorKind
from canarystats.sources.files import read_recording, write_recording
from canarystats.sources.tables import unix_seconds
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from pathlib import Path

NAN = math.nan
COUNTS = "time,canary_events,canary_exposure,baseline_events,baseline_exposure\n"
ROLLOUT = "schema: canarystats/recording/1\nname: shop\nshare: 0.05\ninterval: 15s\n"


def need_pyarrow() -> None:
    try:
        import pyarrow as pa
    except ImportError:
        pa = None
    need(pa is not None, "pyarrow is not installed")


def directory(tmp_path: Path, rollout: str = ROLLOUT, **files: str) -> Path:
    (tmp_path / "rollout.yaml").write_text(rollout)
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def assert_same(one: Pair, other: Pair) -> None:
    assert (one.name, one.kind, one.notes) == (other.name, other.kind, other.notes)
    for field in ("times", "canary", "baseline", "upper_bounds", "limit"):
        left, right = getattr(one, field), getattr(other, field)
        assert (left is None) == (right is None), field
        if left is not None:
            np.testing.assert_array_equal(left, right, err_msg=field)


def every_kind() -> list[Pair]:
    times = [1661153820.0, 1661153835.25, 1661153850.1]
    return [
        Pair.events("byzantine_events", canary=[[0, 1], [NAN, 0], [2, 0]], times=times),
        Pair.histogram(
            "latency_seconds",
            upper_bounds=[0.005, 0.1, math.inf],
            canary=[[5, 3, 1], [NAN, NAN, NAN], [2, 9, 0]],
            baseline=[[9, 3, 0], [8, 1, 1], [2, 2, 0]],
            times=times,
        ),
        Pair.gauge(
            "memory_bytes",
            canary=[[0.1, 0.2], [NAN, 1 / 3], [1e300, 5e-324]],
            baseline=[1, NAN, 2],
            limit=[4e9, 0],
            times=times,
        ),
        Pair.counts(
            "requests", canary=([0, 1, NAN], [10, 9, NAN]), baseline=([1] * 3, [9] * 3), times=times
        ),
        Pair.samples("response_seconds", canary=[0.1, math.inf, 0.3], baseline=[0.2]),
    ]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_directory_gives_back_every_kind_exactly(tmp_path, suffix):
    if suffix == ".parquet":
        need_pyarrow()
    write_recording(tmp_path / "r", every_kind(), suffix=suffix, share=0.05, interval_seconds=15)
    recording = read_recording(tmp_path / "r")
    assert (recording.name, recording.share, recording.interval_seconds) == ("r", 0.05, 15.0)
    for one, other in zip(every_kind(), recording.pairs, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_one_table_gives_back_metrics_on_one_clock_exactly(tmp_path, suffix):
    if suffix == ".parquet":
        need_pyarrow()
    path = tmp_path / f"rollout{suffix}"
    write_recording(path, every_kind()[:4])
    recording = read_recording(path)
    assert (recording.name, recording.share, recording.policy) == ("rollout", None, None)
    for one, other in zip(every_kind()[:4], recording.pairs, strict=True):
        assert_same(one, other)


@given(values=hnp.arrays(np.float64, (4, 2), elements=st.floats(allow_nan=True)))
def test_every_float_survives_a_csv_file(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("r") / "one.csv"
    pair = Pair.gauge("g", canary=values[:, 0], baseline=values[:, 1], times=[0, 1, 2.5, 4])
    write_recording(path, [pair])
    (read,) = read_recording(path).pairs
    assert_same(pair, read)
    assert np.signbit(read.canary[~np.isnan(read.canary)]).tolist() == (
        np.signbit(pair.canary[~np.isnan(pair.canary)]).tolist()
    )


@pytest.mark.parametrize("where", ["r", "r.csv"])
def test_what_its_columns_would_not_tell_says_its_kind(tmp_path, where):
    two = [[1.0, 2.0], [3.0, math.nan], [0.0, 4.0]]
    pairs = [
        Pair.gauge("alone", canary=[1.0, 0.5, -2.0], times=[0, 1, 2]),
        Pair.gauge("pods", canary=two, times=[0, 1, 2]),
        Pair.events("both", canary=[1, 0, 2], baseline=two, times=[0, 1, 2]),
        Pair.events("plain", canary=[1, 0, 2], times=[0, 1, 2]),
    ]
    write_recording(tmp_path / where, pairs)
    again = {pair.name: pair for pair in read_recording(tmp_path / where).pairs}
    for pair in pairs:
        assert_same(again[pair.name], pair)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("time,canary", Kind.EVENTS),
        ("time,canary,baseline", Kind.GAUGE),
        ("time,canary,limit", Kind.GAUGE),
        ("time,canary_value", Kind.GAUGE),
        ("time,canary_value:a,canary_value:b,baseline_value", Kind.GAUGE),
        ("time,canary_value,limit", Kind.GAUGE),
        ("time,canary_count", Kind.EVENTS),
        ("time,canary_count:a,baseline_count", Kind.EVENTS),
    ],
)
def test_the_columns_say_the_kind(tmp_path, header, kind):
    row = ",".join(["1"] * (header.count(",") + 1))
    path = directory(tmp_path, m=f"{header}\n{row}\n")
    (pair,) = read_recording(path).pairs
    assert pair.kind is kind


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("time,canary_value,baseline_count", "is of a gauge and 'baseline_count' of events"),
        ("time,canary_count,limit", "'limit' is of a gauge and 'canary_count' of events"),
        ("time,canary,baseline_value", "'baseline_value' says its kind and 'canary' does not"),
        ("time,baseline,canary_value,limit", "'canary_value' says its kind and 'baseline' does"),
        ("time,canary_value,limit_value", "'limit_value' says what a limit cannot be"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(tmp_path, header, said):
    row = ",".join(["1"] * (header.count(",") + 1))
    with pytest.raises(InputError, match=said):
        read_recording(directory(tmp_path, m=f"{header}\n{row}\n"))


def test_a_limit_that_changes_is_kept_for_every_tick(tmp_path):
    pair = Pair.gauge("m", canary=[1, 2], limit=[[4.0], [8.0]], times=[0, 15])
    write_recording(tmp_path / "m.csv", [pair])
    assert_same(pair, read_recording(tmp_path / "m.csv").pairs[0])


def test_notes_are_kept_with_their_metric(tmp_path):
    pair = Pair.events("e", canary=[0], times=[0], notes=("partial_response: one replica",))
    write_recording(tmp_path / "r", [pair])
    assert read_recording(tmp_path / "r").pairs[0].notes == pair.notes
    with pytest.raises(InputError, match="cannot hold the notes of e"):
        write_recording(tmp_path / "r.csv", [pair])


def test_pods_are_matched_to_their_limits_by_name(tmp_path):
    text = "time,canary:a,canary:b,limit:b,limit:a\n0,1,2,20,10\n15,1,2,20,10\n"
    (pair,) = read_recording(directory(tmp_path, memory=text)).pairs
    assert pair.kind is Kind.GAUGE
    assert pair.limit.tolist() == [[10, 20]]


def test_one_limit_is_the_limit_of_every_pod(tmp_path):
    text = "time,canary:a,canary:b,limit\n0,1,2,20\n"
    assert read_recording(directory(tmp_path, m=text)).pairs[0].limit.tolist() == [[20, 20]]


def test_an_empty_cell_is_a_missed_scrape_and_a_zero_is_a_zero(tmp_path):
    text = COUNTS + "0,0,5,0,7\n15,,,1,7\n"
    (pair,) = read_recording(directory(tmp_path, requests=text)).pairs
    np.testing.assert_array_equal(pair.canary, [[0, 5], [NAN, NAN]])


def test_a_byte_order_mark_and_crlf_change_nothing(tmp_path):
    text = "\ufeff" + (COUNTS + "0,0,5,0,7\n").replace("\n", "\r\n")
    (pair,) = read_recording(directory(tmp_path, requests=text)).pairs
    assert pair.canary.tolist() == [[0, 5]]


def test_a_policy_file_is_resolved_and_a_preset_is_left_alone(tmp_path):
    metrics = {"e": "time,canary\n0,1\n"}
    path = directory(tmp_path, ROLLOUT + "policy: eight-triggers\n", **metrics)
    assert read_recording(path).policy == "eight-triggers"
    directory(tmp_path, ROLLOUT + "policy: mine.yaml\n")
    with pytest.raises(InputError, match=r"rollout\.yaml: policy: there is no file 'mine\.yaml'"):
        read_recording(path)
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    assert read_recording(path).policy == str(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1661154300", 1661154300.0),
        ("1661154300.25", 1661154300.25),
        ("2022-08-22T07:45:00Z", 1661154300.0),
        ("2022-08-22 09:45:00.1+02:00", 1661154300.1),
        ("2022-08-22T07:45:00.123456789+00:00", 1661154300.123456789),
        ("2022-08-22T02:15:00,5-05:30", 1661154300.5),
        ("1969-12-31T23:59:59.5Z", -0.5),
    ],
)
def test_times_become_the_nearest_unix_seconds(text, seconds):
    assert unix_seconds(text) == seconds


@given(st.datetimes(timezones=st.timezones()))
def test_iso_times_agree_with_the_standard_library(moment):
    text = moment.isoformat()
    assume(len(text[19:].lstrip("0123456789.")) == len("+00:00"))  # no offsets with seconds
    assert unix_seconds(text) == pytest.approx(moment.timestamp(), abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "there is a header and no rows"),
        ("0,0,5,0,7\n15,x,5,0,7\n", "line 3, column 'canary_events': 'x' is not a number"),
        ("0,0,5,0,7\n15,1_0,5,0,7\n", "line 3, column 'canary_events': '1_0' is not a number"),
        ("15,0,5,0,7\n\n0,0,5,0,7\n", r"line 4, column 'time': 0.0 does not come after 15.0"),
        ("15,0,5,0,7\n15,0,5,0,7\n", "line 3, column 'time': 15.0 is there twice"),
        (",0,5,0,7\n", "line 2, column 'time': there is no time"),
        ("0,-3,5,0,7\n", "line 2, column 'canary_events': -3.0 is not a count"),
        ("0,0,inf,0,7\n", "line 2, column 'canary_exposure': inf is not a count"),
        ("0,3,0,0,7\n", "canary.events.0. is 3.0 where the exposure is 0"),
        ("0,0,5,0\n", "line 2: 4 cells, and the header has 5"),
        ("2022-08-22T07:45:00,0,5,0,7\n", "line 2, column 'time': .* is not a time; .* offset"),
        ("1661154300000,0,5,0,7\n", "times are Unix seconds, not milliseconds"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(tmp_path, rows, message):
    path = directory(tmp_path, requests=COUNTS + rows)
    with pytest.raises(InputError, match=message) as refused:
        read_recording(path)
    assert str(path / "requests.csv") in str(refused.value)


@pytest.mark.parametrize(
    "header",
    [
        "time",
        "canary_events,canary_exposure",
        "time,canary_events",
        "time,canary_events,canary_exposure,baseline_events",
        "time,canary_events,canary_exposure,canary",
        "time,canary_le_1,canary_le_inf,canary",
        "time,baseline,limit",
        "time,canary,canary:a",
        "time,canary,control",
        "canary",
        "time;canary;baseline",
    ],
)
def test_columns_that_fit_no_kind_are_refused(tmp_path, header):
    row = ",".join("1" for _ in header.split(","))
    path = directory(tmp_path, requests=f"{header}\n{row}\n")
    with pytest.raises(
        InputError, match="fit no kind of metric; expected one of counts"
    ) as refused:
        read_recording(path)
    assert "requests.csv" in str(refused.value)
    assert header.replace(",", ", ") in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,canary,canary\n0,1,1\n", "the column 'canary' is there 2 times"),
        ("time,canary,\n0,1,1\n", "a column has no name"),
        ("", "the file is empty"),
        ("time,canary:a,limit:b\n0,1,1\n", "the limit columns must be 'limit' alone or .* limit:a"),
        ("time,canary_le_1,canary_le_x\n0,1,1\n", "'x' in the column 'canary_le_x' is not a bound"),
        ("time,canary_le_1,canary_le_1.0\n0,1,1\n", "is not a bound of its own"),
        ("time,canary_le_1,canary_le_2\n0,1,1\n", "end on canary_le_inf"),
        (
            "time,canary_le_1,canary_le_inf,baseline_le_2,baseline_le_inf\n0,1,1,1,1\n",
            "both sides must have the same",
        ),
        (
            "time,canary_le_1,canary_le_2,canary_le_inf\n0,3,5,9\n15,2,6,8\n",
            r"m\.csv: metric 'm': every row grows .* look like cumulative buckets",
        ),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as refused:
        read_recording(directory(tmp_path, m=text))
    assert "m.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("rollout", "message"),
    [
        (ROLLOUT + "shares: 1\n", "there is no key 'shares'; the keys are schema, name"),
        ("schema: canarystats/recording/1\n", "name is missing"),
        ("name: shop\n", "schema is missing"),
        ("schema: canarystats/recording/9\nname: a\n", "schema: 'canarystats/recording/9'"),
        (ROLLOUT.replace("0.05", "5"), "share: 5: input should be less than 1"),
        (ROLLOUT.replace("15s", "15 secs"), "interval: '15 secs' is not a duration; write 15s"),
        (ROLLOUT.replace("15s", "0s"), "interval: 0s is no interval"),
        ("name: [shop\n", "this is not YAML: .*line 2"),
        ("", "it must hold keys and values"),
        (ROLLOUT + "notes: {other: [stale]}\n", "notes: there is no metric 'other'"),
    ],
)
def test_a_wrong_rollout_file_is_refused(tmp_path, rollout, message):
    with pytest.raises(InputError, match=message) as refused:
        read_recording(directory(tmp_path, rollout, e="time,canary\n0,1\n"))
    assert "rollout.yaml" in str(refused.value)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(SourceError, match="no such file or directory") as missing:
        read_recording(tmp_path / "nothing")
    assert missing.value.kind is SourceErrorKind.NOT_FOUND
    with pytest.raises(InputError, match=r"there is no rollout\.yaml"):
        read_recording(tmp_path)
    with pytest.raises(InputError, match=r"there is no metric; expected <metric>\.csv"):
        read_recording(directory(tmp_path))
    (tmp_path / "x.txt").write_text("time\n")
    with pytest.raises(InputError, match=r"a file that ends in \.csv or \.parquet"):
        read_recording(tmp_path / "x.txt")


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b\x08\x00\xff\xfe", b"PAR1\x00\x00,\x00\n", b"t\x00i\x00"]
)
def test_a_binary_file_is_no_csv(tmp_path, data):
    with pytest.raises(InputError, match="this is not a CSV file in UTF-8"):
        read_recording(table(tmp_path, data))


def test_a_column_without_its_metric_is_refused_in_a_table(tmp_path):
    with pytest.raises(InputError, match="the column 'canary_events' names no metric"):
        read_recording(table(tmp_path, COUNTS + "0,0,5,0,7\n"))
    with pytest.raises(InputError, match=r"x\.csv, metric 'r', line 2, column 'canary_events'"):
        read_recording(table(tmp_path, "time,r.canary_events,r.canary_exposure\n0,-1,1\n"))


def test_a_table_without_times_holds_samples(tmp_path):
    (pair,) = read_recording(table(tmp_path, "s.canary,s.baseline\n1,2\n,3\n")).pairs
    assert pair.kind is Kind.SAMPLES
    assert (len(pair.canary), len(pair.baseline)) == (1, 2)


def test_a_metric_in_two_files_is_refused(tmp_path):
    path = directory(tmp_path, e="time,canary\n0,1\n")
    (path / "e.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="'e' is there as CSV and as Parquet"):
        read_recording(path)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "pairs is empty"),
        ([Pair.events("e", canary=[1])], "has no times"),
        ([Pair.events("e", canary=[], times=[])], "no rows"),
        ([Pair.events("a/b", canary=[1], times=[0])], "cannot be written"),
        ([Pair.events("e", canary=[1], times=[0])] * 2, "in pairs 2 times"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, pairs, message):
    with pytest.raises(InputError, match=message):
        write_recording(tmp_path / "r", pairs)
    assert not (tmp_path / "r").exists()


def test_metrics_on_two_clocks_do_not_share_a_table(tmp_path):
    pairs = [Pair.events(n, canary=[1], times=[t]) for n, t in (("a", 0), ("b", 1))]
    with pytest.raises(InputError, match="'b' does not share the rows of 'a'"):
        write_recording(tmp_path / "r.csv", pairs)
    with pytest.raises(InputError, match="does not share the rows"):
        write_recording(tmp_path / "r.csv", [pairs[0], every_kind()[4]])


def test_a_recording_is_not_written_over_another(tmp_path):
    one, other = (Pair.events(name, canary=[1], times=[0]) for name in ("a", "b"))
    write_recording(tmp_path / "r", [one])
    write_recording(tmp_path / "r", [one])
    with pytest.raises(InputError, match=r"a\.csv of another recording is in the way"):
        write_recording(tmp_path / "r", [other])


def test_parquet_times_need_a_zone_and_columns_need_numbers(tmp_path):
    need_pyarrow()
    import pyarrow as pa
    from pyarrow import parquet

    moment = np.array(["2022-08-22T07:45:00.1"], dtype="datetime64[ns]")
    path = tmp_path / "x.parquet"

    def read(times: pa.Array, values: pa.Array) -> Pair:
        parquet.write_table(pa.table({"time": times, "e.canary": values}), path)
        return read_recording(path).pairs[0]

    zoned = pa.array(moment, pa.timestamp("ns", tz="Europe/Paris"))
    assert read(zoned, pa.array([3])).times.tolist() == [1661154300.1]
    with pytest.raises(InputError, match="'time': these times have no time zone"):
        read(pa.array(moment), pa.array([3]))
    with pytest.raises(InputError, match=r"'e\.canary': it holds string"):
        read(zoned, pa.array(["3"]))


def test_a_file_that_is_not_parquet_is_refused(tmp_path):
    need_pyarrow()
    for data in (b"", b"time,canary\n0,1\n"):
        (tmp_path / "x.parquet").write_bytes(data)
        with pytest.raises(InputError, match="this is not a Parquet file"):
            read_recording(tmp_path / "x.parquet")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"Reading Parquet needs pyarrow; .*\[parquet\]"):
        read_recording(tmp_path / "x.parquet")


def test_reading_csv_loads_no_heavy_package():
    code = (
        "import sys\n"
        "from canarystats.sources.files import read_recording, shipped\n"
        "read_recording(shipped('online-shop-quiet'))\n"
        "heavy = {'pandas', 'pyarrow', 'scipy.stats', 'statsmodels', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
