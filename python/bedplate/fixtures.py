# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for pytest: devices that are gone when the test is, whatever it did. In conftest.py:

    pytest_plugins = ['bedplate.fixtures']

dm_scope: a bedplate.Scope, one for each test. dm_device, dm_pool: its device() and pool(), to
be called as often as needed. Tests that ask for them are skipped where there is no
device-mapper, or no right to use it.
"""

import os

import pytest

from ._errors import NoDeviceMapper, NotAllowed
from .device import devices
from .scope import Scope


@pytest.fixture
def dm_scope():
    """A scope for this test."""
    try:
        devices()
    except (NoDeviceMapper, NotAllowed) as error:
        pytest.skip(str(error))
    with Scope(f'pytest-{os.getpid()}') as scope:
        yield scope


@pytest.fixture
def dm_device(dm_scope):  # pylint: disable=redefined-outer-name
    """dm_device(table, name=None): a Device."""
    return dm_scope.device


@pytest.fixture
def dm_pool(dm_scope):  # pylint: disable=redefined-outer-name
    """dm_pool(data=64 << 20, metadata=4 << 20, name=None): a Pool."""
    return dm_scope.pool
