# SPDX-License-Identifier: LGPL-2.1-or-later
"""Device-mapper from Python: describe, create, watch, check and rescue its stacks.

    import bedplate

    table = bedplate.Table().append('linear', 1 << 30, dev='/dev/sdb', offset_bytes=1 << 20)
    with bedplate.Device.create('data', table) as device:
        print(device.path, device.size)

Sizes are ints in bytes, times are seconds. Failures are exceptions (bedplate.Error) with all that
is known: code, errno, device, argument, lines of the kernel's log, a hint. bedplate.sts has the
names of the Python package sts, for those who come from there.
"""

import contextlib
import json

from ._bedplate import version as _version
from ._context import DEFAULT, Context, Warning, context  # pylint: disable=redefined-builtin
from ._errors import (Busy, Canceled, Damaged, Error, Exists, Invalid, KernelRefused, NoDevice,
                      NoDeviceMapper, NotAllowed, NotMetadata, TableError, TimedOut)
from .device import (BlockDevice, Device, DeviceInfo, Holder, Node, block_device, concise,
                     create_concise, devices, holders, remove_all, tree)
from .metadata import (CheckResult, Damage, ThinUsage, cache_check, era_check, thin_check,
                       thin_dump, thin_ls, thin_metadata_size, thin_restore)
from .pool import Pool, PoolStatus, Volume, pools
from .scope import Scope
from .table import Segment, Status, Table, options, parse_status, printed, targets

__version__ = _version()


def check_table(table, device=None, *, read_only=False):
    """What the kernel would refuse of a table, by all that this system tells: a list of dicts with
    severity, segment, argument, rule, expected, message."""
    return json.loads(context().check_table(str(table), device, read_only))


def explain(text):
    """What lines of a kernel's log, of status or of tables mean: a list of dicts."""
    return json.loads(context().explain(text))


def vdo_stats(which):
    """The counters of an active vdo volume, by name."""
    return json.loads(context().vdo_stats(which))


@contextlib.contextmanager
def plan():
    """For the time of a with statement, calls of this thread change nothing: what they would do is
    added to the list that it gives, as dicts with verb, device, detail, at its end."""
    steps = []
    context().plan_start()
    try:
        yield steps
    finally:
        steps += context().plan_take()


__all__ = [name for name in dir() if not name.startswith('_')
           and name not in ('contextlib', 'json')]
