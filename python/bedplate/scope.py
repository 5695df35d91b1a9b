# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scopes: devices that are gone when their maker is, whatever ended it."""

import os
import re

from . import _bedplate as c
from ._context import DEFAULT, context, milliseconds
from .device import Device
from .pool import Pool


class Scope:
    """All mapped devices that this thread makes, and loop devices made by loop(), belong to it, and
    are removed at the end of its with statement. Where the process is killed before, the next Scope
    of that name, or "bedplate scope gc", removes them. So they do where the end of the with statement
    could not, as something was still in use (a Busy); the thread is in no scope then either.

    >>> with Scope('tests') as scope:
    ...     pool = scope.pool(data=64 << 20)
    ...     home = pool.create_volume('home', 1 << 30)
    """

    def __init__(self, name=None, *, state_dir=None, timeout=DEFAULT):
        self.name = name or f'python-{os.getpid()}'
        self._made = 0
        self._scope = c.Scope(context(), self.name, state_dir, milliseconds(timeout))

    def __enter__(self):
        self._owner = os.getpid()
        return self

    def __exit__(self, kind, value, trace):
        if os.getpid() != self._owner:
            return  # a child that was forked in the with statement: the scope is its parent's
        try:
            self._resume()
            self.end(error_tables=kind is not None)
        finally:
            self._scope.close()

    def _resume(self):
        """What was left suspended would hold everybody up who uses it."""
        for entry in context().device_list():
            if entry['uuid'].startswith(self._scope.uuid_prefix()):
                which = ('name', entry['name'])
                if context().device_info(which)['suspended']:
                    context().resume(which)

    def end(self, *, error_tables=False, timeout=DEFAULT):
        """Remove all of it. error_tables: where devices stay in use, let their I/O fail, so that who
        holds them lets go."""
        flags = c.SCOPE_ERROR_TABLES if error_tables else 0
        self._scope.end(flags, milliseconds(timeout))

    @property
    def environment(self):
        """What other processes need in their environment for theirs to belong to the scope."""
        return {'BEDPLATE_SCOPE': self._scope.token()}

    @property
    def uuid_prefix(self):
        """What the uuids of its devices begin with."""
        return self._scope.uuid_prefix()

    def loop(self, size):
        """The path of a loop device of so many bytes, on a sparse file."""
        return self._scope.loop(size)

    def new_name(self, kind):
        """A name for a device that no other of the scope has."""
        self._made += 1
        return f"{re.sub('[^A-Za-z0-9._-]', '_', self.name)}-{kind}{self._made}"

    def device(self, table, name=None, **how):
        """A device, under a name of its own unless one is given."""
        return Device.create(name or self.new_name('d'), table, **how)

    def pool(self, *, data=64 << 20, metadata=4 << 20, name=None, **how):
        """A thin pool on loop devices of so many bytes."""
        return Pool.create(name or self.new_name('pool'), self.loop(metadata), self.loop(data),
                           **how)
