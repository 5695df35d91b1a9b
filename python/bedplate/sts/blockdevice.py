# SPDX-License-Identifier: LGPL-2.1-or-later
"""Block devices as sts has them: path, name, size in bytes, sector_size, device_id."""

from __future__ import annotations

import os
import re

from .. import device as _device
from .._errors import NoDevice
from .._types import Disk, Text

DeviceNotFoundError = NoDevice


class BlockDevice:
    """A block device. What is not given is asked of the system; where all that a table needs
    (size, device_id) is given, the device need not be there."""

    def __init__(self, path: Text | None = None, name: str | None = None, size: int | None = None, sector_size: int | None = None, device_id: str | None = None) -> None:
        if path is None and name is not None:
            path = f'/dev/{name}'
        self.path = None if path is None else os.fsdecode(path)
        self.name = name if name or not self.path else os.path.basename(self.path)
        self.size = size
        self.sector_size = sector_size
        self.device_id = device_id
        if self.path and (size is None or device_id is None):
            self._look()

    def _look(self) -> None:
        found = _device.block_device(self.path or '')
        self.size = found.size if self.size is None else self.size
        self.device_id = self.device_id or found.devno
        self.sector_size = self.sector_size or found.logical_block_size

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.path!r})'


def is_devno(text: object) -> bool:
    """Is it 'MAJOR:MINOR'?"""
    return isinstance(text, str) and re.fullmatch(r'[0-9]+:[0-9]+', text) is not None


def as_block_device(device: Disk) -> Disk:
    """What a builder was given, as something with size and device_id: an object as it is; a path
    or 'MAJOR:MINOR' is looked at."""
    if not isinstance(device, (str, bytes, os.PathLike)):
        return device
    found = _device.block_device(device)
    return BlockDevice(found.path or device, size=found.size, device_id=found.devno,
                       sector_size=found.logical_block_size)


def identifier(device: Disk) -> str:
    """'MAJOR:MINOR' of what a builder was given; NoDevice where it is none."""
    known = getattr(device, 'device_id', None)
    for text in (known, device):
        if isinstance(text, str) and is_devno(text):
            return text
    path = getattr(device, 'path', device)
    if not path:
        raise NoDevice('a device without path and number')
    return _device.block_device(path).devno


def length_sectors(device: Disk, offset: int = 0) -> int:
    """Sectors of 512 bytes behind offset, whatever the device's logical block size."""
    size = getattr(device, 'size', None)
    if size is None:
        raise ValueError('size_sectors must be given: the size of the device is not known')
    if offset < 0:
        raise ValueError(f'offset: {offset} is negative')
    left = size // 512 - offset
    if left <= 0:
        raise ValueError(f'offset: {offset} sectors is not before the end of the device, '
                         f'which has {size // 512}')
    return left
