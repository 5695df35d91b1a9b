# SPDX-License-Identifier: LGPL-2.1-or-later
"""VDO volumes: their tables and status. A volume has to be formatted first, by vdoformat or
"bedplate vdo format"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._types import Disk, Found, Text
from ..table import Table
from .base import register
from .blockdevice import as_block_device, identifier
from .result import log
from .targets import Target, _status, number, sized

if TYPE_CHECKING:
    from typing_extensions import Self

NUMBERS = ('ack', 'bio', 'bioRotationInterval', 'cpu', 'hash', 'logical', 'physical',
           'maxDiscard')
SWITCHES = ('deduplication', 'compression')


def _words(options: dict[str, object]) -> list[str]:
    """Options as words of a table; only those that the target has."""
    words = []
    for name, value in options.items():
        if name in SWITCHES:
            if value in (True, False):
                value = 'on' if value else 'off'
            if value not in ('on', 'off'):
                raise ValueError(f'{name}: {value!r} is neither on nor off')
        elif name in NUMBERS:
            if not isinstance(value, str) or not value.isdigit():
                if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                    raise ValueError(f'{name}: {value!r} is no number')
        else:
            raise ValueError(f"no option '{name}'; known: {', '.join(NUMBERS + SWITCHES)}")
        words += [name, str(value)]
    return words


@register
class VdoDevice(Target):
    """A volume that stores equal blocks once, and compresses."""

    target_type = 'vdo'
    vdo_version: str | None = None
    storage_device: str | None = None
    storage_size_blocks: int | None = None
    minimum_io_size: int | None = None
    block_map_cache_blocks: int | None = None
    block_map_period: int | None = None
    ack: int | None = None
    bio: int | None = None
    bioRotationInterval: int | None = None
    cpu: int | None = None
    hash: int | None = None
    logical: int | None = None
    physical: int | None = None
    maxDiscard: int | None = None
    deduplication: bool | None = None
    compression: bool | None = None

    @classmethod
    def _of(cls, start: int, size_sectors: int, *words: object) -> Self:
        args = ' '.join(str(word) for word in words)
        Table(f'0 {sized(size_sectors)} vdo {args}')
        return cls(number(start, 'start'), size_sectors, args)

    @classmethod
    def from_block_device(cls, device: Disk, logical_size_sectors: int, *, start: int = 0, minimum_io_size: int = 4096,
                          block_map_cache_size_mb: int = 128, block_map_period: int = 16380, **kwargs: Any) -> Self:
        """A volume on a device. Options: ack, bio, bioRotationInterval, cpu, hash, logical, physical,
        maxDiscard (None: the kernel's), deduplication (True), compression (False)."""
        device = as_block_device(device)
        if getattr(device, 'size', None) is None:
            raise ValueError('the size of the device is not known')
        given = {name: value for name, value in kwargs.items() if value is not None}
        known = [name for name in NUMBERS + SWITCHES if name in given]
        words = _words({**{name: given[name] for name in known}, **given})
        for name, default in (('deduplication', 'on'), ('compression', 'off')):
            if name in words and words[words.index(name) + 1] == default:
                at = words.index(name)
                del words[at:at + 2]
        found = cls._of(start, logical_size_sectors, 'V4', identifier(device),
                        device.size // 4096, number(minimum_io_size, 'minimum_io_size'),
                        number(block_map_cache_size_mb, 'block_map_cache_size_mb') * 256,
                        number(block_map_period, 'block_map_period'), *words)
        return found

    @classmethod
    def create_positional(cls, device_path: Text, storage_size_blocks: int, logical_size_sectors: int, *,
                          start: int = 0, minimum_io_size: int = 4096, block_map_cache_blocks: int = 32768,
                          block_map_period: int = 16380, **kwargs: Any) -> Self:
        """The same of a path or 'MAJOR:MINOR', as it stands; options in the order given."""
        given = {name: value for name, value in kwargs.items() if value is not None}
        return cls._of(start, logical_size_sectors, 'V4', device_path,
                       number(storage_size_blocks, 'storage_size_blocks'),
                       number(minimum_io_size, 'minimum_io_size'),
                       number(block_map_cache_blocks, 'block_map_cache_blocks'),
                       number(block_map_period, 'block_map_period'), *_words(given))

    def _parse_args(self) -> None:
        """Attributes from args. deduplication and compression are what holds: the kernel's default
        where args do not say; numbers that args do not say are None."""
        words = self.args.split()
        for name in NUMBERS:
            setattr(self, name, None)
        self.deduplication, self.compression = True, False
        if len(words) < 6:
            return
        self.vdo_version, self.storage_device = words[:2]
        (self.storage_size_blocks, self.minimum_io_size, self.block_map_cache_blocks,
         self.block_map_period) = (int(word) for word in words[2:6])
        if len(words) % 2:
            raise ValueError(f"'{words[-1]}' has no value")
        for name, value in zip(words[6::2], words[7::2]):
            if name in SWITCHES:
                setattr(self, name, value == 'on')
            elif name in NUMBERS:
                setattr(self, name, int(value))

    @staticmethod
    def parse_status(line: str) -> Found:
        """start, size (sectors), device, operating_mode, in_recovery, index_state,
        compression_state, physical_blocks_used, total_physical_blocks; {}, with a warning, where
        the line is none."""
        words = line.split()
        if len(words) < 10 or words[2] != 'vdo':
            log.warning('no status of vdo: %r', line)
            return {}
        found = _status('vdo', line)
        if 'used_mblocks' not in found:
            return {}
        return {'start': int(words[0]), 'size': int(words[1]), 'device': words[3],
                'operating_mode': words[4], 'in_recovery': words[5], 'index_state': words[6],
                'compression_state': words[7],
                'physical_blocks_used': found['used_mblocks'],
                'total_physical_blocks': found['total_mblocks']}
