"""Every exception canarystats raises on purpose.

::

    CanaryStatsError
    ├── InputError (ValueError)          the caller's data or settings cannot be right
    │   └── PolicyError                  .path, such as "triggers[1].for"
    ├── SourceError                      the outside failed; .kind and .retryable say how
    └── MissingExtraError (ImportError)  an optional package is not installed

Statistical trouble (too few samples, no data, no variance) is never an exception: it is the
status of an `Evidence`, and the verdict says *hold* and why.
"""

from __future__ import annotations

from enum import StrEnum


class CanaryStatsError(Exception):
    """Base of every exception that canarystats raises on purpose."""


class InputError(CanaryStatsError, ValueError):
    """The caller's data or settings cannot be right; the message names the field."""


class PolicyError(InputError):
    """A policy does not say what it must.

    Parameters
    ----------
    path
        Where in the policy, such as ``triggers[1].for``; empty for the policy as a whole.
    message
        What is there, what it must be.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class SourceErrorKind(StrEnum):
    """How a source failed."""

    UNREACHABLE = "unreachable"  # refused, reset, no such host, TLS
    TIMEOUT = "timeout"
    OVERLOADED = "overloaded"  # 429 or 503 after every retry
    UNAUTHORIZED = "unauthorized"  # 401 or 403
    REJECTED = "rejected"  # the query itself was refused
    MALFORMED = "malformed"  # not what the interface documents
    NOT_FOUND = "not_found"  # no such file, directory or endpoint
    UNWRITABLE = "unwritable"  # a file that was to be written cannot be


class SourceError(CanaryStatsError):
    """The outside failed: data that did not come, a file that cannot be written.

    A verdict made without the data is at most *hold*.

    Parameters
    ----------
    kind
        How it failed.
    message
        What was asked and what came back.
    """

    def __init__(self, kind: SourceErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.kind in {
            SourceErrorKind.UNREACHABLE,
            SourceErrorKind.TIMEOUT,
            SourceErrorKind.OVERLOADED,
        }


class MissingExtraError(CanaryStatsError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    need
        What needs it, as the start of a sentence.
    package
        The package that is missing.
    extra
        The extra of canarystats that brings it.
    """

    def __init__(self, need: str, package: str, extra: str) -> None:
        super().__init__(f"{need} needs {package}; pip install 'canarystats[{extra}]'")
