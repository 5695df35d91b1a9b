# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mapped devices. What a device is like is asked of the kernel each time, not remembered."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from . import _bedplate as c
from ._context import (DEFAULT, context, milliseconds, one_of, sectors, size_bytes, tell_warnings,
                       wait_event)
from ._errors import Busy, Error, NoDevice
from ._types import Tabular, Text, Timeout, Which
from .table import Status, Table, parse_status, printed

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class DeviceInfo:
    """A mapped device as the kernel told it in one answer."""

    name: str
    kernel_name: str
    uuid: str
    path: str
    major: int
    minor: int
    event_nr: int
    open_count: int
    nr_segments: int
    suspended: bool
    internally_suspended: bool
    read_only: bool
    live_table: bool
    inactive_table: bool
    deferred_remove: bool

    @property
    def devno(self) -> str:
        """'MAJOR:MINOR'"""
        return f'{self.major}:{self.minor}'


@dataclass(frozen=True)
class BlockDevice:
    """Any block device, as it was when it was looked at. size is bytes."""

    path: str
    major: int
    minor: int
    size: int
    logical_block_size: int
    read_only: bool

    @property
    def devno(self) -> str:
        """'MAJOR:MINOR', as tables name it best."""
        return f'{self.major}:{self.minor}'


def block_device(which: Text) -> BlockDevice:
    """Look at a block device: a path, or 'MAJOR:MINOR'."""
    found = context().bdev_get(which)
    return BlockDevice(found['path'], found['major'], found['minor'], found['size_bytes'],
                       found['logical_block_bytes'], found['read_only'])


@dataclass(frozen=True)
class Holder:
    """Who uses a block device: kind is mapped, raid, loop, mount, swap, process ..."""

    kind: str
    pid: int
    name: str


def holders(which: Text) -> list[Holder]:
    """Who uses a block device, as far as this process may see."""
    found = block_device(which)
    return [Holder(*one) for one in context().bdev_holders(found.major, found.minor)]


def _flags(**given: bool) -> int:
    """The or of the constants whose condition holds."""
    value = 0
    for name, condition in given.items():
        if condition:
            value |= getattr(c, name)
    return value


def _udev(policy: str) -> int:
    return one_of({'public': c.UDEV_PUBLIC, 'private': c.UDEV_PRIVATE, 'none': c.UDEV_NONE}, policy, 'udev')


class Device:
    """A mapped device, by name (or path, or 'MAJOR:MINOR', or uuid=).

    In a with statement it is removed at the end, whatever happened in between. Where somebody still holds
    it then, that is a Busy, and it is removed when they let go:

    >>> with Device.create('d', Table().append('zero', 1 << 20)) as device:
    ...     use(device.path)
    """

    def __init__(self, which: Text | None = None, *, uuid: Text | None = None) -> None:
        if (which is None) == (uuid is None):
            raise TypeError('either a name or a uuid')
        self._owner = 0
        if which is None:
            assert uuid is not None
            self._which: str | tuple[str, Text] = ('uuid', uuid)
        else:
            self._which = os.fsdecode(which)

    # --- making ---

    @classmethod
    def create(cls, name: Text, table: Tabular | None = None, *, uuid: Text | None = None, read_only: bool = False, suspended: bool = False,
               secure: bool = False, node_early: bool = False, udev: str = 'public', read_ahead: int | None = None,
               major: int | None = None, minor: int | None = None, timeout: Timeout = DEFAULT) -> Self:
        """Create, load and resume: all of it or nothing. table: a Table or text; None: none yet.
        read_ahead: bytes, 0 for none; timeout: seconds, None for no limit."""
        persistent = minor is not None
        flags = _flags(CREATE_READ_ONLY=read_only, CREATE_SUSPENDED=suspended,
                       CREATE_SECURE=secure, CREATE_NODE_EARLY=node_early,
                       CREATE_PERSISTENT=persistent)
        ahead = 0
        if read_ahead is not None:
            ahead = sectors(read_ahead, 'read_ahead') or c.READ_AHEAD_NONE
        context().create(name, None if table is None else str(table), uuid=uuid, flags=flags,
                         udev=_udev(udev), major=major or 0, minor=minor or 0,
                         read_ahead_sectors=ahead, timeout_ms=milliseconds(timeout))
        tell_warnings(cls(name).remove)
        return cls(name)

    def __enter__(self) -> Self:
        self._owner = os.getpid()
        return self

    def __exit__(self, *exception: object) -> None:
        if os.getpid() != self._owner:
            return  # a child that was forked in the with statement: the device is its parent's
        with contextlib.suppress(NoDevice):
            if self.info().suspended:
                with contextlib.suppress(Error):  # what can't go on can be removed all the same
                    self.resume()
            self._remove_at_end()

    def _remove_at_end(self) -> None:
        """Whoever still holds it is told of by a Busy, and it goes when they have let go."""
        try:
            self.remove(retry=True)
        except Busy:
            with contextlib.suppress(Error):
                self.remove(deferred=True)
            raise

    # --- asking ---

    def info(self) -> DeviceInfo:
        """A DeviceInfo; NoDevice where there is no such device."""
        return DeviceInfo(**context().device_info(self._which))

    def exists(self) -> bool:
        """Is there such a device? Other failures are raised."""
        try:
            self.info()
        except NoDevice:
            return False
        return True

    @property
    def name(self) -> str:
        """Its name, plain."""
        if isinstance(self._which, str) and '/' not in self._which and ':' not in self._which:
            return self._which
        return self.info().name

    @property
    def path(self) -> str:
        """Its node."""
        return self.info().path

    @property
    def size(self) -> int:
        """In bytes, of the live table."""
        return self.table().length

    def table(self, *, inactive: bool = False, show_keys: bool = False) -> Table:
        """Its table; empty where it has none. Keys of encryption are zeros unless asked for."""
        flags = _flags(TABLE_INACTIVE=inactive, TABLE_SHOW_KEYS=show_keys)
        return printed(context().device_table(self._which, flags))

    def status(self, *, inactive: bool = False, flush: bool = False) -> list[Status]:
        """A Status for each segment. flush: let targets commit first."""
        flags = _flags(TABLE_INACTIVE=inactive, TABLE_FLUSH=flush)
        return [parse_status(target, text, size_bytes(start), size_bytes(length))
                for start, length, target, text
                in context().device_status(self._which, flags)]

    def measure(self) -> list[tuple[str, str]]:
        """What each segment tells to integrity measurement: (target, text)."""
        return [(target, text)
                for _, _, target, text in context().device_measure(self._which)]

    def deps(self, *, inactive: bool = False) -> list[str]:
        """The devices its table uses, as 'MAJOR:MINOR'."""
        found = context().device_deps(self._which, _flags(TABLE_INACTIVE=inactive))
        return [f'{major}:{minor}' for major, minor in found]

    def holders(self) -> list[Holder]:
        """Who uses it."""
        info = self.info()
        return [Holder(*one) for one in context().bdev_holders(info.major, info.minor)]

    # --- changing ---

    def _change(self, verb: str, *args: str, no_lockfs: bool = False, no_flush: bool = False, read_only: bool = False,
                secure: bool = False, unless_same: bool = False, timeout: Timeout = DEFAULT) -> None:
        flags = _flags(CHANGE_NO_LOCKFS=no_lockfs, CHANGE_NO_FLUSH=no_flush,
                       CHANGE_READ_ONLY=read_only, CHANGE_SECURE=secure,
                       CHANGE_UNLESS_SAME=unless_same)
        getattr(context(), verb)(self._which, *args, flags=flags,
                                 timeout_ms=milliseconds(timeout))
        tell_warnings()

    def load(self, table: Tabular, *, read_only: bool = False, secure: bool = False, unless_same: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Put a table in the inactive slot; resume() makes it live. secure: wipe what the kernel was given (keys);
        unless_same: not where the live table means the same. TableError, KernelRefused, NoDevice."""
        self._change('load', str(table), read_only=read_only, secure=secure, unless_same=unless_same,
                     timeout=timeout)

    def clear(self, *, timeout: Timeout = DEFAULT) -> None:
        """Drop the inactive table; none is no error. NoDevice."""
        self._change('clear', timeout=timeout)

    def suspend(self, *, no_lockfs: bool = False, no_flush: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Let I/O run out and hold new I/O back. no_lockfs: without freezing a file system on it; no_flush:
        without waiting for I/O that the target queues. TimedOut, NoDevice; Busy where it would block for ever."""
        self._change('suspend', no_lockfs=no_lockfs, no_flush=no_flush, timeout=timeout)

    def resume(self, *, no_lockfs: bool = False, no_flush: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Make a loaded table live, and let I/O go on. KernelRefused, NoDevice."""
        self._change('resume', no_lockfs=no_lockfs, no_flush=no_flush, timeout=timeout)

    @contextlib.contextmanager
    def suspended(self, *, no_lockfs: bool = False, no_flush: bool = False, timeout: Timeout = DEFAULT) -> Iterator[Self]:
        """Suspended for the time of a with statement, and resumed whatever happens."""
        self.suspend(no_lockfs=no_lockfs, no_flush=no_flush, timeout=timeout)
        try:
            yield self
        finally:
            self.resume()

    def reload(self, table: Tabular, *, no_lockfs: bool = False, no_flush: bool = False, read_only: bool = False, secure: bool = False,
               unless_same: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Change the live table: load, suspend, resume; on failure the old one is put back. What is not named
        here is as in load() and suspend()."""
        self._change('reload', str(table), no_lockfs=no_lockfs, no_flush=no_flush, read_only=read_only,
                     secure=secure, unless_same=unless_same, timeout=timeout)

    def wipe_table(self, *, no_lockfs: bool = False, no_flush: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Replace the live table by one that answers everything with an error."""
        self._change('wipe_table', no_lockfs=no_lockfs, no_flush=no_flush, timeout=timeout)

    def remove(self, *, retry: bool = False, deferred: bool = False, force: bool = False, timeout: Timeout = DEFAULT) -> bool:
        """Remove it. True: it is gone; False: it goes when its last user does (deferred)."""
        flags = _flags(REMOVE_RETRY=retry, REMOVE_DEFERRED=deferred, REMOVE_FORCE=force)
        gone = context().remove(self._which, flags=flags, timeout_ms=milliseconds(timeout))
        tell_warnings()
        return gone

    def cancel_remove(self) -> None:
        """Take a deferred removal back."""
        context().cancel_remove(self._which)

    def rename(self, name: Text) -> None:
        """Give it another name."""
        context().rename(self._which, name)
        self._which = os.fsdecode(name)

    def set_uuid(self, uuid: Text) -> None:
        """Give it a uuid, for life."""
        context().set_uuid(self._which, uuid)

    def message(self, text: Text, sector: int = 0, *, timeout: Timeout = DEFAULT) -> str:
        """Send the target at a sector a message; its answer, '' where it has none."""
        return context().message(self._which, sector, text, timeout_ms=milliseconds(timeout))

    def set_geometry(self, cylinders: int, heads: int, sectors_per_track: int, start: int = 0) -> None:
        """What it tells programs that still ask for it; start in 512-byte sectors."""
        context().set_geometry(self._which, cylinders, heads, sectors_per_track, start)

    @property
    def read_ahead(self) -> int:
        """In bytes."""
        return size_bytes(context().get_read_ahead(self._which))

    @read_ahead.setter
    def read_ahead(self, size: int) -> None:
        context().set_read_ahead(self._which, sectors(size, 'read_ahead') or c.READ_AHEAD_NONE)

    def wait(self, event_nr: int | None = None, *, timeout: Timeout = DEFAULT) -> int:
        """Wait for an event after event_nr (default: the last one there was): its number.
        TimedOut when the limit is over, NoDevice when it is removed meanwhile."""
        if event_nr is None:
            event_nr = self.info().event_nr
        return wait_event(self._which, event_nr, timeout)

    def mknodes(self) -> None:
        """Make its node where it is missing."""
        context().mknodes(self._which)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._which!r})'


def devices() -> list[Device]:
    """All mapped devices, by name."""
    return [Device(entry['name']) for entry in context().device_list()]


def remove_all(*, retry: bool = False, deferred: bool = False, force: bool = False) -> int:
    """Remove every mapped device of the machine that nobody uses: how many stayed."""
    flags = _flags(REMOVE_RETRY=retry, REMOVE_DEFERRED=deferred, REMOVE_FORCE=force)
    return context().remove_all(flags=flags)


@dataclass(frozen=True)
class Node:
    """A device of tree(): below and above are places in its list."""

    name: str
    uuid: str
    major: int
    minor: int
    mapped: bool
    in_cycle: bool
    below: list[int]
    above: list[int]


def tree() -> list[Node]:
    """All mapped devices, and what they lie on."""
    return [Node(**node) for node in context().tree()]


def create_concise(spec: Text, *, timeout: Timeout = DEFAULT) -> None:
    """Create all devices of 'NAME,UUID,MINOR,FLAGS,TABLE[,TABLE];...', or none."""
    context().concise_apply(spec, timeout_ms=milliseconds(timeout))
    tell_warnings()


def concise(which: Which | None = None, *, show_keys: bool = False, minor: bool = False) -> str:
    """One device, or all, as such a text."""
    return context().concise_read(which, _flags(STACK_SHOW_KEYS=show_keys,
                                                STACK_WITH_MINOR=minor))


INFO_FIELDS = tuple(field.name for field in fields(DeviceInfo))
