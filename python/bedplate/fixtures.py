# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for pytest: devices that are gone when the test is, whatever it did. In conftest.py:

    pytest_plugins = ['bedplate.fixtures']

dm_scope: a bedplate.Scope, one for each test. dm_device, dm_pool: its device() and pool(), to
be called as often as needed. Tests that ask for them are skipped where there is no
device-mapper, or no right to use it. A test that leaves a device in use (an open file, a mount) has an
error that says who holds it; the device answers its holders with errors, and goes when they let go.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from ._errors import Busy, NoDeviceMapper, NotAllowed
from .device import Device, devices
from .pool import Pool
from .scope import Scope

PATIENCE = 5  # seconds, for whom a test has let go of a device without waiting for it
_numbers = itertools.count(1)  # names of one test's devices are not those of the next


@pytest.fixture
def dm_scope() -> Iterator[Scope]:
    """A scope for this test."""
    try:
        devices()
    except (NoDeviceMapper, NotAllowed) as error:
        pytest.skip(str(error))
    with Scope(f'pytest-{os.getpid()}-{next(_numbers)}') as scope:
        yield scope
        try:
            scope.end(timeout=PATIENCE)
        except Busy:  # the test's fault, and not the next one's
            scope.end(error_tables=True, timeout=PATIENCE)
            raise


@pytest.fixture
def dm_device(dm_scope: Scope) -> Callable[..., Device]:  # pylint: disable=redefined-outer-name
    """dm_device(table, name=None): a Device."""
    return dm_scope.device


@pytest.fixture
def dm_pool(dm_scope: Scope) -> Callable[..., Pool]:  # pylint: disable=redefined-outer-name
    """dm_pool(data=64 << 20, metadata=4 << 20, name=None): a Pool."""
    return dm_scope.pool
