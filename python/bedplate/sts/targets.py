# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linear, delay, flakey, error, zero and cache devices: builders and parsers. Arguments are written
and read by the library's grammar of each target, which counts and checks the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._types import Disk, Found, Text
from ..table import Table, parse_status
from .base import DmDevice, register
from .blockdevice import as_block_device, identifier, length_sectors
from .result import log

if TYPE_CHECKING:
    from typing_extensions import Self


def number(value: int, name: str) -> int:
    """An int that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'{name}: an int is needed')
    if value < 0:
        raise ValueError(f'{name}: {value} is negative')
    return value


def sized(size: int | None, name: str = 'Size') -> int:
    """A size in sectors, that has to be given."""
    if size is None:
        raise ValueError(f'{name} must be specified')
    if number(size, name) == 0:
        raise ValueError(f'{name}: a device of no sectors can not be')
    return size


class Target(DmDevice):
    """A device of one known target."""

    def __post_init__(self, path: Text | None = None) -> None:
        super().__post_init__(path)
        if not self._active and self.args:
            self._parse_args()

    @classmethod
    def _build(cls, start: int, size_sectors: int | None, **params: object) -> Self:
        """A configuration from parameters, as bedplate.options() names them."""
        table = Table().append(cls.target_type, sized(size_sectors) * 512, **params)
        return cls(number(start, 'start'), sized(size_sectors), table.segments()[0]['args'])

    @classmethod
    def from_table_line(cls, line: str) -> Self | None:
        """The configuration that a line of a table is; None, with a warning, where it is too short or
        of another target. ValueError where it is wrong."""
        words = line.split(None, 1)
        if len(words) == 2 and words[0].endswith(':'):
            line = words[1]
        words = line.split(None, 3)
        if len(words) < 3:
            log.warning('no table line: %r', line)
            return None
        start, size = int(words[0]), int(words[1])
        if words[2] != cls.target_type:
            log.warning('a line of %s, not of %s: %r', words[2], cls.target_type, line)
            return None
        if len(words) < 4 and cls.NEEDS_ARGS:
            log.warning('no arguments: %r', line)
            return None
        return cls(start, size, words[3].strip() if len(words) > 3 else '')

    NEEDS_ARGS = True


@register
class LinearDevice(Target):
    """A range of another device."""

    target_type = 'linear'

    @classmethod
    def from_block_device(cls, device: Disk, start: int = 0, size_sectors: int | None = None, offset: int = 0) -> Self:
        """Of a block device; by default all of it behind offset."""
        device = as_block_device(device)
        if size_sectors is None:
            size_sectors = length_sectors(device, offset)
        return cls._build(start, size_sectors, dev=identifier(device),
                          offset_sectors=number(offset, 'offset'))

    @classmethod
    def create_positional(cls, device_path: Text, offset: int = 0, start: int = 0, size_sectors: int | None = None) -> Self:
        """Of a path or 'MAJOR:MINOR', as it stands."""
        return cls._build(start, sized(size_sectors), dev=device_path,
                          offset_sectors=number(offset, 'offset'))


PARTS = ('read', 'write', 'flush')


@register
class DelayDevice(Target):
    """I/O that takes longer: one to three devices, each with offset and delay."""

    target_type = 'delay'
    read_device: str | None = None
    read_offset: int | None = None
    read_delay_ms: int | None = None
    write_device: str | None = None
    write_offset: int | None = None
    write_delay_ms: int | None = None
    flush_device: str | None = None
    flush_offset: int | None = None
    flush_delay_ms: int | None = None
    arg_format: str | None = None

    @classmethod
    def _of(cls, start: int, size: int | None, triples: list[tuple[Any, Any, Any]]) -> Self:
        params = {}
        for part, (device, offset, delay_ms) in zip(PARTS, triples):
            params[f'{part}.dev'] = device
            params[f'{part}.offset_sectors'] = number(offset, f'{part}_offset')
            params[f'{part}.delay_ms'] = number(delay_ms, f'{part}_delay_ms')
        return cls._build(start, size, **params)

    @classmethod
    def _of_devices(cls, start: int, size: int | None, triples: list[tuple[Any, Any, Any]]) -> Self:
        triples = [(as_block_device(device), offset, delay)
                   for device, offset, delay in triples]
        if size is None:
            size = min(length_sectors(device, offset) for device, offset, _ in triples)
        return cls._of(start, size, [(identifier(device), offset, delay)
                                     for device, offset, delay in triples])

    @classmethod
    def from_block_device(cls, device: Disk, delay_ms: int, start: int = 0, size_sectors: int | None = None, offset: int = 0) -> Self:
        """One delay for everything."""
        return cls._of_devices(start, size_sectors, [(device, offset, delay_ms)])

    @classmethod
    def from_block_devices_rw(cls, read_device: Disk, read_offset: int, read_delay_ms: int, write_device: Disk,
                              write_offset: int, write_delay_ms: int, start: int = 0, size: int | None = None,
                              size_sectors: int | None = None) -> Self:
        """One for reads, one for the rest. By default as long as both devices allow."""
        return cls._of_devices(start, size if size is not None else size_sectors,
                               [(read_device, read_offset, read_delay_ms),
                                (write_device, write_offset, write_delay_ms)])

    @classmethod
    def from_block_devices_rwf(cls, read_device: Disk, read_offset: int, read_delay_ms: int, write_device: Disk,
                               write_offset: int, write_delay_ms: int, flush_device: Disk, flush_offset: int,
                               flush_delay_ms: int, start: int = 0, size: int | None = None, size_sectors: int | None = None) -> Self:
        """One for reads, one for writes, one for flushes."""
        return cls._of_devices(start, size if size is not None else size_sectors,
                               [(read_device, read_offset, read_delay_ms),
                                (write_device, write_offset, write_delay_ms),
                                (flush_device, flush_offset, flush_delay_ms)])

    @classmethod
    def create_positional(cls, device_path: Text, offset: int, delay_ms: int, start: int = 0, size: int | None = None,
                          write_device_path: Text | None = None, write_offset: int | None = None, write_delay_ms: int | None = None,
                          flush_device_path: Text | None = None, flush_offset: int | None = None, flush_delay_ms: int | None = None) -> Self:
        """Of paths or 'MAJOR:MINOR', as they stand."""
        sized(size)
        triples: list[tuple[Any, Any, Any]] = [(device_path, offset, delay_ms)]
        for name, triple in (('write', (write_device_path, write_offset, write_delay_ms)),
                             ('flush', (flush_device_path, flush_offset, flush_delay_ms))):
            given = [value is not None for value in triple]
            if any(given) and not all(given):
                raise ValueError(f'{name}: device path, offset and delay belong together')
            if name == 'flush' and all(given) and len(triples) == 1:
                raise ValueError('flush: not without write')
            if all(given):
                triples.append(triple)
        return cls._of(start, size, triples)

    def _parse_args(self) -> None:
        """The triples that args has; what it lacks is None."""
        words = self.args.split()
        whole = len(words) // 3 if len(words) >= 3 else 0
        for index, part in enumerate(PARTS):
            triple = words[index * 3:index * 3 + 3] if index < whole else (None, None, None)
            setattr(self, f'{part}_device', triple[0])
            for name, word in zip(('offset', 'delay_ms'), triple[1:]):
                setattr(self, f'{part}_{name}', None if word is None else int(word))
        self.arg_format = str(len(words)) if len(words) in (3, 6, 9) else None

    @staticmethod
    def parse_status(status: str) -> Found:
        """Numbers of reads, writes and flushes that wait; {} where the line is none."""
        return _status('delay', status)


def _status(target: str, line: str) -> Found:
    """Fields of a line of status, with or without START LENGTH TARGET in front."""
    words = line.split(None, 3)
    if len(words) >= 3 and words[2] == target and words[0].isdigit():
        line = words[3] if len(words) > 3 else ''
    found = parse_status(target, line)
    if found.state:
        return {'state': found.state}
    if found.values is None:
        log.warning('no status of %s: %r (%s)', target, line, found.problem)
    return dict(found.values or {})


@register
class ErrorDevice(Target):
    """Every I/O fails."""

    target_type = 'error'
    NEEDS_ARGS = False

    @classmethod
    def create_config(cls, start: int = 0, size: int | None = None) -> Self:
        """So many sectors of it."""
        return cls._build(start, size)


@register
class ZeroDevice(Target):
    """Reads give zeros, writes vanish."""

    target_type = 'zero'
    NEEDS_ARGS = False

    @classmethod
    def create_config(cls, start: int = 0, size: int | None = None) -> Self:
        """So many sectors of it."""
        return cls._build(start, size)


@register
class FlakeyDevice(Target):
    """A device that works for some seconds and fails for some."""

    target_type = 'flakey'

    @classmethod
    def from_block_device(cls, device: Disk, up_interval: int, down_interval: int, offset: int = 0, size_sectors: int | None = None,
                          corrupt_bio_byte: tuple[int, str, int, int] | None = None, start: int = 0, drop_writes: bool = False,
                          error_writes: bool = False, *, error_reads: bool = False, random_read_corrupt: int | None = None,
                          random_write_corrupt: int | None = None) -> Self:
        """corrupt_bio_byte: (nth byte from 1, 'r' or 'w', value, flags of the bio)."""
        device = as_block_device(device)
        if size_sectors is None:
            size_sectors = length_sectors(device, offset)
        if corrupt_bio_byte is not None and len(corrupt_bio_byte) != 4:
            raise ValueError('corrupt_bio_byte: nth byte, direction, value, flags')
        return cls._build(
            start, size_sectors, dev=identifier(device),
            offset_sectors=number(offset, 'offset'),
            up_seconds=number(up_interval, 'up_interval'),
            down_seconds=number(down_interval, 'down_interval'),
            error_reads=error_reads or None, drop_writes=drop_writes or None,
            error_writes=error_writes or None, corrupt_bio_byte=corrupt_bio_byte,
            random_read_corrupt_ppb=random_read_corrupt,
            random_write_corrupt_ppb=random_write_corrupt)


@register
class CacheDevice(Target):
    """A slow device with its most used blocks on a fast one."""

    target_type = 'cache'

    @classmethod
    def from_block_devices(cls, metadata_device: Disk, cache_device: Disk, origin_device: Disk,
                           block_size_sectors: int = 512, policy: str = 'default', policy_args: dict[str, object] | None = None,
                           start: int = 0, size_sectors: int | None = None, writethrough: bool = False, passthrough: bool = False,
                           metadata2: bool = False, no_discard_passdown: bool = False) -> Self:
        """By default as long as the origin."""
        if writethrough and passthrough:
            raise ValueError('writethrough and passthrough exclude each other')
        origin_device = as_block_device(origin_device)
        if size_sectors is None:
            size_sectors = length_sectors(origin_device)
        mode = ('writethrough' if writethrough else 'passthrough' if passthrough else None)
        pairs = [word for pair in (policy_args or {}).items() for word in pair]
        return cls._build(
            start, size_sectors, metadata_dev=identifier(as_block_device(metadata_device)),
            cache_dev=identifier(as_block_device(cache_device)),
            origin_dev=identifier(origin_device),
            block_sectors=number(block_size_sectors, 'block_size_sectors'), io_mode=mode,
            metadata2=metadata2 or None, no_discard_passdown=no_discard_passdown or None,
            policy=policy, policy_args=pairs or None)

    @staticmethod
    def parse_status(status: str) -> Found:
        """All that a line of status says: the counters by name, features, policy, mode,
        needs_check. A failed cache is {'state': 'Fail'}."""
        found = _status('cache', status)
        for name, ours in CACHE_STATUS.items():
            if ours in found:
                found[name] = found.pop(ours)
        return found


# sts' names of what the library tells; other members keep the library's.
CACHE_STATUS = {
    'metadata_block_size': 'metadata_block_sectors',
    'cache_block_size': 'block_sectors',
    'used_cache_blocks': 'used_dblocks',
    'total_cache_blocks': 'total_dblocks',
    'dirty': 'dirty_dblocks',
}
