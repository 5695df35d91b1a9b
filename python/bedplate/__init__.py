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

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

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
from ._types import Found, Tabular, Text, Which
from .table import Segment, Status, Table, options, parse_status, printed, targets

__version__ = _version()


def check_table(table: Tabular, device: Which | None = None, *, read_only: bool = False) -> list[Found]:
    """What the kernel would refuse of a table, by all that this system tells: a list of dicts with
    severity, segment, argument, rule, expected, message."""
    found: list[Found] = json.loads(context().check_table(str(table), device, read_only))
    return found


def explain(text: Text) -> list[Found]:
    """What lines of a kernel's log, of status or of tables mean: a list of dicts."""
    found: list[Found] = json.loads(context().explain(text))
    return found


def vdo_stats(which: Which) -> Found:
    """The counters of an active vdo volume, by name."""
    found: Found = json.loads(context().vdo_stats(which))
    return found


@contextlib.contextmanager
def plan() -> Iterator[list[Found]]:
    """For the time of a with statement, calls of this thread change nothing: what they would do is
    added to the list that it gives, as dicts with verb, device, detail, at its end."""
    steps: list[Found] = []
    context().plan_start()
    try:
        yield steps
    finally:
        steps += context().plan_take()


__all__ = [
    'DEFAULT', 'BlockDevice', 'Busy', 'Canceled', 'CheckResult', 'Context', 'Damage', 'Damaged', 'Device', 'DeviceInfo',
    'Error', 'Exists', 'Holder', 'Invalid', 'KernelRefused', 'NoDevice', 'NoDeviceMapper', 'Node', 'NotAllowed',
    'NotMetadata', 'Pool', 'PoolStatus', 'Scope', 'Segment', 'Status', 'Table', 'TableError', 'ThinUsage', 'TimedOut',
    'Volume', 'Warning', 'block_device', 'cache_check', 'check_table', 'concise', 'context', 'create_concise', 'devices',
    'era_check', 'explain', 'holders', 'options', 'parse_status', 'plan', 'pools', 'printed', 'remove_all', 'targets',
    'thin_check', 'thin_dump', 'thin_ls', 'thin_metadata_size', 'thin_restore', 'tree', 'vdo_stats',
]
