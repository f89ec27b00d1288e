"""What can be told of a query by reading it: its selectors, and the labels these select by.

This is no parser of PromQL. It finds selectors with braces, which is where `$arm` stands, and
knows strings well enough not to be fooled by them.
"""

from __future__ import annotations

import re

from canarystats.errors import InputError

ARM = "$arm"
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_BRACES = rf"\{{(?:[^{{}}\"'`]|{_STRING})*\}}"
_SELECTOR = re.compile(rf"(?P<name>{_NAME})?\s*(?P<braces>{_BRACES})")
_PLAIN = re.compile(rf"\s*(?:{_NAME}\s*(?:{_BRACES})?|{_BRACES})\s*")
_MATCHER = re.compile(rf"(?P<label>{_NAME})\s*(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING})")
_NOT_A_COUNTER = re.compile(
    r"\b(rate|irate|increase|delta|idelta|deriv|\w+_over_time|histogram_quantile)\s*\("
)


def for_arm(query: str, matchers: str) -> str:
    """The query with ``$arm`` replaced by one side's label matchers."""
    if matchers.strip():
        return query.replace(ARM, matchers)
    return re.sub(r"\$arm\s*,?\s*", "", query)


def is_plain(query: str) -> bool:
    """Whether the query is one selector, without functions, operators or modifiers.

    Only then does ``timestamp(query)`` give the time a sample was taken; for anything else the
    server answers the time of evaluation, which is always fresh.
    """
    text = query.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    return _PLAIN.fullmatch(text) is not None


def narrowed(selector: str, name: str) -> str:
    """A plain selector with braces, for those of its series that have this metric's name."""
    before, _, after = selector.rpartition("}")
    return f'{before.rstrip(", ")},__name__="{name}"}}{after}'


def selectors(query: str) -> list[str]:
    """Every selector with braces, once, in order; none where time is shifted.

    A shifted sample (``offset``, ``@``) is old by design, so its time says nothing.
    """
    bare = re.sub(_STRING, '""', query)
    if re.search(r"\boffset\b|@", bare):
        return []
    return list(dict.fromkeys(found.group(0).strip() for found in _SELECTOR.finditer(query)))


def metric_names(query: str) -> set[str]:
    """The metrics that the query's selectors name."""
    if is_plain(query) and "{" not in query:
        return {query.strip(" ()\n\t")}
    names = {found["name"] for found in _SELECTOR.finditer(query) if found["name"]}
    for label, op, value in _matchers(query):
        if label == "__name__" and op == "=":
            names.add(value[1:-1])
    return names


def label_names(query: str) -> set[str]:
    """The labels that the query's selectors select by, ``$arm`` left out."""
    text = re.sub(r"\$arm\s*,?\s*", "", query)
    return {label for label, _, _ in _matchers(text) if label != "__name__"}


def _matchers(query: str) -> list[tuple[str, str, str]]:
    return [
        (matcher["label"], matcher["op"], matcher["value"])
        for found in _SELECTOR.finditer(query)
        for matcher in _MATCHER.finditer(found["braces"])
    ]


def refuse_rates(query: str, field: str) -> None:
    """Refuse a query whose answer cannot be a counter.

    Raises
    ------
    InputError
        If a function in it turns counters into something else.
    """
    found = _NOT_A_COUNTER.search(re.sub(_STRING, '""', query))
    if found:
        msg = (
            f"{field}: {query!r} applies {found[1]}(); give the raw counter, because increments "
            "and resets are worked out per series and tick"
        )
        raise InputError(msg)


def quoted(text: str) -> str:
    """A label value as PromQL writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def any_of(values: set[str]) -> str:
    """A quoted regular expression that matches exactly these values."""
    return quoted("|".join(re.escape(value) for value in sorted(values)))
