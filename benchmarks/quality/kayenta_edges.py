"""Kayenta's edge cases in both modes, side by side: the table of docs/kayenta.md.

Run it from the repository's root; it writes the table into the page: ``python -m
benchmarks.quality.kayenta_edges``. The cases are those on which Kayenta's judge was measured, in
``../shared/data/kayenta/edge_inputs.jsonl``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.compat.vectors import lines, of_vector

from canarystats.compat.kayenta import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
EDGES = ROOT.parent / "shared" / "data" / "kayenta" / "edge_inputs.jsonl"
PAGE = ROOT / "docs" / "kayenta.md"
PLACE = re.compile(r"(?<=<!-- edge cases -->\n).*?(?=<!-- end -->)", re.DOTALL)
SHOWN = {
    "n1-error-critical": "one point a side, 1 against 100000, critical",
    "inf": "8 points all above 8, one of them infinite",
    "inf-canary": "the same, critical",
    "neg-high": "-54.5 rises to -9.5, every rank apart",
    "neg-low": "-9.5 falls to -54.5",
    "high-but-mean-lower": "10 rises to 20; one outlier of 500 in the baseline",
    "variance-only": "10 ± 0.1 against 1 to 19",
    "rare-errors-replace": "no point in the baseline, 10 of 60 in the canary, `replace`, critical",
    "all-nodata-replace": "no point in the canary, `replace`, critical, must have data",
    "one-side-nan-remove": "no point in the baseline, 6000 in the canary; two metrics of 3 points",
    "muted-critical-fail": "the only metric is muted",
    "critical-below-critthreshold": "3.9-fold rise, critical from 10-fold; a metric of 3 points",
}


def table(cases: Sequence[Mapping[str, Any]]) -> str:
    """The table in Markdown.

    Parameters
    ----------
    cases
        Edge cases: ``id``, and one metric or several with their settings and values.
    """
    rows = [
        "| case | parity, as Kayenta | score | sound | score | why |",
        "|---|---|---:|---|---:|---|",
    ]
    for case in cases:
        parity, sound = (judge(of_vector(case), mode) for mode in ("parity", "sound"))
        cells = (SHOWN[case["id"]], *_told(parity), *_told(sound), _why(sound))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _told(response: Mapping[str, Any]) -> tuple[str, str]:
    labels = [
        result["classification"] + (" (critical)" if result["critical"] else "")
        for result in response["results"]
    ]
    score = response["score"]
    return ", ".join(labels), f"{score['score']:g} {score['classification']}"


def _why(response: Mapping[str, Any]) -> str:
    reasons = dict.fromkeys(result["classificationReason"] for result in response["results"])
    told = "; ".join(reasons)
    if response["results"][0]["muted"]:
        told = response["score"]["classificationReason"]
    return told.replace("|", "/")


def main() -> None:
    """Write the table into the page."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(PLACE.sub(lambda _: table(lines(EDGES)), page), "utf-8")


if __name__ == "__main__":
    main()
