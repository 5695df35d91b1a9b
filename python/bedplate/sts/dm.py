# SPDX-License-Identifier: LGPL-2.1-or-later
"""For 'from bedplate.sts.dm import ...' where 'from sts.dm import ...' stood."""

from .base import DeviceError, DmDevice
from .blockdevice import BlockDevice, DeviceNotFoundError
from .targets import CacheDevice, DelayDevice, ErrorDevice, FlakeyDevice, LinearDevice, ZeroDevice
from .thin import ThinDevice, ThinPoolDevice
from .vdo import VdoDevice

__all__ = ['BlockDevice', 'CacheDevice', 'DelayDevice', 'DeviceError', 'DeviceNotFoundError',
           'DmDevice', 'ErrorDevice', 'FlakeyDevice', 'LinearDevice', 'ThinDevice',
           'ThinPoolDevice', 'VdoDevice', 'ZeroDevice']
