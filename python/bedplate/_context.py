# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts: each thread has one of its own, made on first need."""

import threading
import warnings

from . import _bedplate

_local = threading.local()


class Warning(RuntimeWarning):  # pylint: disable=redefined-builtin
    """What went not quite right in a call that succeeded."""


class Context(_bedplate.Context):
    """The library's calls, one method each. The classes of this package are made of them; use it
    for what they lack. Sizes here are in the library's units, which the names tell."""


def context():
    """This thread's context."""
    found = getattr(_local, 'context', None)
    if found is None:
        found = _local.context = Context()
    return found


def tell_warnings():
    """Hand the context's warnings to Python's."""
    for text in context().take_warnings():
        warnings.warn(text, Warning, stacklevel=3)


def sectors(size, what='size'):
    """Bytes as sectors; what is no whole number of them is refused."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f'{what}: an int is needed, in bytes')
    if size < 0 or size % _bedplate.SECTOR_BYTES:
        raise ValueError(f'{what}: {size} bytes is no whole number of 512-byte sectors')
    return size // _bedplate.SECTOR_BYTES


def size_bytes(count):
    """Sectors as bytes."""
    return count * _bedplate.SECTOR_BYTES


def milliseconds(timeout):
    """Seconds, None (no limit) or the default, as the library takes it."""
    if timeout is DEFAULT:
        return 0
    if timeout is None:
        return -1
    return max(1, round(timeout * 1000))


class _Default:
    def __repr__(self):
        return 'DEFAULT'


DEFAULT = _Default()
