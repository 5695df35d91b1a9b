# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts: each thread has one of its own, made on first need."""

from __future__ import annotations

import errno
import math
import select
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from . import _bedplate
from ._errors import TimedOut
from ._types import Timeout, Which

T = TypeVar('T')
_local = threading.local()


class Warning(RuntimeWarning):  # pylint: disable=redefined-builtin
    """What went not quite right in a call that succeeded."""


class Context(_bedplate.Context):
    """The library's calls, one method each. The classes of this package are made of them; use it
    for what they lack. Sizes here are in the library's units, which the names tell."""


def context() -> Context:
    """This thread's context."""
    found = getattr(_local, 'context', None)
    if found is None:
        found = _local.context = Context()
    return found


def tell_warnings(undo: Callable[[], object] | None = None) -> None:
    """Hand the context's warnings to Python's. Where those are errors, undo() takes back what the call
    has made: its caller gets nothing to take it back with."""
    texts = context().take_warnings()
    try:
        for text in texts:
            warnings.warn(text, Warning, stacklevel=3)
    except Warning:
        if undo is not None:
            undo()
        raise


def wait_event(which: Which, event_nr: int, timeout: Timeout) -> int:
    """bp_device_wait(), but in Python's own poll(), which signals end: the event's number."""
    waiting = getattr(_local, 'waiting', None)
    if waiting is None:  # of its own: a caller may poll the other one's descriptor
        waiting = _local.waiting = Context()
    limit = milliseconds(timeout) or _bedplate.TIMEOUT_DEFAULT_MS
    end = None if limit < 0 else time.monotonic() + limit / 1000
    poll = select.poll()
    poll.register(waiting.event_fd(), select.POLLIN)
    while True:
        waiting.event_arm()
        info = waiting.device_info(which)
        if info['event_nr'] != event_nr:
            return info['event_nr']
        which = (info['major'], info['minor'])  # from here on that device, whatever its name is
        left = None if end is None else math.ceil((end - time.monotonic()) * 1000)
        if left is not None and left <= 0:
            raise TimedOut(f"wait '{info['name']}': no event within the time limit",
                           {'code': 'BP_E_TIMEOUT', 'verb': 'wait', 'device': info['name']},
                           errno.ETIMEDOUT)
        poll.poll(left)


def sectors(size: int, what: str = 'size') -> int:
    """Bytes as sectors; what is no whole number of them is refused."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f'{what}: an int is needed, in bytes')
    if size < 0 or size % _bedplate.SECTOR_BYTES:
        raise ValueError(f'{what}: {size} bytes is no whole number of 512-byte sectors')
    return size // _bedplate.SECTOR_BYTES


def size_bytes(count: int) -> int:
    """Sectors as bytes."""
    return count * _bedplate.SECTOR_BYTES


def milliseconds(timeout: Timeout) -> int:
    """Seconds, None (no limit) or the default, as the library takes it."""
    if timeout is DEFAULT:
        return 0
    if timeout is None:
        return -1
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f'timeout: a number of seconds or None is needed, not {timeout!r}')
    if not timeout >= 0:
        raise ValueError(f'timeout: {timeout} is no number of seconds')
    return -1 if timeout > LONGEST else max(1, round(timeout * 1000))


LONGEST = 1 << 31  # seconds: 68 years


def one_of(words: dict[str, T], value: str, what: str) -> T:
    """The value that a word stands for."""
    if value not in words:
        raise ValueError(f"{what}: {value!r} is none of {', '.join(words)}")
    return words[value]


class Default:
    """DEFAULT, the timeout that is the library's own: 30 seconds."""

    def __repr__(self) -> str:
        return 'DEFAULT'


DEFAULT = Default()
