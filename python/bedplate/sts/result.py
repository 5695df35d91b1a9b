# SPDX-License-Identifier: LGPL-2.1-or-later
"""How calls of bedplate.sts fail: by the value that sts returns, with the whole error kept."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from .._errors import Error

log = logging.getLogger('bedplate.sts')
P = ParamSpec('P')
R = TypeVar('R')
T = TypeVar('T')
_state = threading.local()
_raise_errors = False


def raise_errors(on: bool = True) -> None:
    """From now on (in all threads) failures are raised instead of told by False or None."""
    global _raise_errors  # pylint: disable=global-statement
    _raise_errors = on


def last_error() -> Error | None:
    """The error of this thread's last call that failed; None: it succeeded."""
    return cast('Error | None', getattr(_state, 'error', None))


def failed(error: Error, value: T, owner: Any = None) -> T:
    """Keep an error, log it, and give the value that stands for it; or raise it."""
    _state.error = error
    if owner is not None:
        owner.last_error = error
    if _raise_errors:
        raise error
    log.error('%s', error)
    return value


def fails_with(value: T) -> Callable[[Callable[P, R]], Callable[P, R | T]]:
    """Decorator: errors of device-mapper become this value. Mistakes in the call itself (TypeError,
    ValueError that the library did not raise) are raised as ever."""
    def decorate(function: Callable[P, R]) -> Callable[P, R | T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | T:
            owner: Any = args[0] if args and hasattr(args[0], 'last_error') else None
            owner = None if isinstance(owner, type) else owner
            _state.error = None
            if owner is not None:
                owner.last_error = None
            try:
                return function(*args, **kwargs)
            except Error as error:
                return failed(error, value, owner)
        return call
    return decorate


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Failures are raised for the time of a with statement."""
    before = _raise_errors
    raise_errors(True)
    try:
        yield
    finally:
        raise_errors(before)
