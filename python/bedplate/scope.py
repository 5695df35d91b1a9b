# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scopes: devices that are gone when their maker is, whatever ended it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from . import _bedplate as c
from ._context import DEFAULT, context, milliseconds
from ._types import Tabular, Text, Timeout
from .device import Device
from .pool import Pool

if TYPE_CHECKING:
    from typing_extensions import Self


class Scope:
    """All mapped devices that this thread makes, and loop devices made by loop(), belong to it, and
    are removed at the end of its with statement. Where the process is killed before, the next Scope
    of that name, or "bedplate scope gc", removes them. So they do where the end of the with statement
    could not, as something was still in use (a Busy); the thread is in no scope then either.

    >>> with Scope('tests') as scope:
    ...     pool = scope.pool(data=64 << 20)
    ...     home = pool.create_volume('home', 1 << 30)
    """

    def __init__(self, name: str | None = None, *, state_dir: Text | None = None, timeout: Timeout = DEFAULT) -> None:
        self.name = f'python-{os.getpid()}' if name is None else name
        self._made = 0
        self._scope = c.Scope(context(), self.name, state_dir, milliseconds(timeout))

    def __enter__(self) -> Self:
        self._owner = os.getpid()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        if os.getpid() != self._owner:
            return  # a child that was forked in the with statement: the scope is its parent's
        try:
            self._resume()
            self.end(error_tables=kind is not None)
        finally:
            self._scope.close()

    def _resume(self) -> None:
        """What was left suspended would hold everybody up who uses it."""
        for entry in context().device_list():
            if entry['uuid'].startswith(self._scope.uuid_prefix()):
                which = ('name', entry['name'])
                if context().device_info(which)['suspended']:
                    context().resume(which)

    def end(self, *, error_tables: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Remove all of it. error_tables: where devices stay in use, let their I/O fail, so that who
        holds them lets go."""
        flags = c.SCOPE_ERROR_TABLES if error_tables else 0
        self._scope.end(flags, milliseconds(timeout))

    @property
    def environment(self) -> dict[str, str]:
        """What other processes need in their environment for theirs to belong to the scope."""
        return {'BEDPLATE_SCOPE': self._scope.token()}

    @property
    def uuid_prefix(self) -> str:
        """What the uuids of its devices begin with."""
        return self._scope.uuid_prefix()

    def loop(self, size: int) -> str:
        """The path of a loop device of so many bytes, on a sparse file."""
        return self._scope.loop(size)

    def new_name(self, kind: str) -> str:
        """A name for a device that no other of the scope has."""
        self._made += 1
        return f"{re.sub('[^A-Za-z0-9._-]', '_', self.name)}-{kind}{self._made}"

    def device(self, table: Tabular, name: Text | None = None, **how: Any) -> Device:
        """A device, under a name of its own unless one is given."""
        return Device.create(self.new_name('d') if name is None else name, table, **how)

    def pool(self, *, data: int = 64 << 20, metadata: int = 4 << 20, name: Text | None = None, **how: Any) -> Pool:
        """A thin pool on loop devices of so many bytes."""
        return Pool.create(self.new_name('pool') if name is None else name, self.loop(metadata), self.loop(data),
                           **how)
