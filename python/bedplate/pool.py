# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thin pools and their volumes. To deactivate keeps data, to delete does not; removing a pool
deactivates and never deletes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from . import _bedplate as c
from ._context import DEFAULT, context, milliseconds, one_of, sectors, size_bytes, tell_warnings
from ._types import Found, Text, Timeout, Which
from .device import Device, _flags

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class PoolStatus:
    """How a pool is. Sizes and spaces are bytes; mode is rw, ro, out_of_data_space, fail, error."""

    mode: str
    transaction_id: int
    block_size: int
    data_used: int
    data_total: int
    metadata_used: int
    metadata_total: int
    low_water: int
    held_root: int
    discard: str
    error_if_no_space: bool
    needs_check: bool
    skip_zeroing: bool
    suspended: bool
    metadata: str
    data: str


@dataclass(frozen=True)
class Volume:
    """An active volume. size and mapped are bytes; external_origin is 'MAJOR:MINOR' or None."""

    name: str
    thin_id: int
    size: int
    mapped: int
    uuid: str
    major: int
    minor: int
    open_count: int
    suspended: bool
    read_only: bool
    failed: bool
    external_origin: str | None


def _volume(found: Found) -> Volume:
    origin = found['external_origin']
    return Volume(found['name'], found['thin_id'], size_bytes(found['size_sectors']),
                  size_bytes(found['mapped_sectors']), found['uuid'], found['major'],
                  found['minor'], found['open_count'], found['suspended'],
                  found['read_only'], found['failed'], None if origin == '0:0' else origin)


def _id(thin_id: int | None) -> int:
    if thin_id == c.THIN_ID_ANY:
        raise ValueError(f'thin_id: {thin_id} is none')
    return c.THIN_ID_ANY if thin_id is None else thin_id


def _some(size: int | None, what: str) -> int:
    """Bytes as sectors; None, for the library's choice, is 0, which is refused itself."""
    if size is None:
        return 0
    if not sectors(size, what):
        raise ValueError(f'{what}: 0 bytes is no size')
    return sectors(size, what)


class Pool(Device):
    """A thin pool: a mapped device, with volumes. In a with statement it, and what is active of
    it, is removed at the end; data stay in it."""

    @classmethod
    def create(  # type: ignore[override]  # a pool is made of other things
            cls, name: Text, metadata: Text, data: Text, *, uuid: Text | None = None, block_size: int | None = None, low_water: int = 0,
               size: int | None = None, existing: bool = False, wipe: bool = False, read_only: bool = False, skip_zeroing: bool = False,
               error_if_no_space: bool = False, discard: str = 'passdown', timeout: Timeout = DEFAULT) -> Self:
        """Make a pool. low_water: free bytes at which it raises an event. Its metadata device must
        be blank, or existing=True says to use what it holds, wipe=True to begin anew. New blocks
        are zeroed unless skip_zeroing."""
        # pylint: disable=arguments-differ,too-many-locals
        block = _some(block_size, 'block_size')
        one_of({'passdown': 0, 'no_passdown': 1, 'ignore': 2}, discard, 'discard')
        flags = _flags(POOL_EXISTING=existing, POOL_WIPE=wipe, POOL_READ_ONLY=read_only,
                       POOL_SKIP_ZEROING=skip_zeroing,
                       POOL_ERROR_IF_NO_SPACE=error_if_no_space,
                       POOL_NO_DISCARD_PASSDOWN=discard == 'no_passdown',
                       POOL_IGNORE_DISCARD=discard == 'ignore')
        water = -(-sectors(low_water, 'low_water') // (block or 128))
        context().pool_create(name, metadata, data, uuid=uuid, flags=flags,
                              data_block_sectors=block, low_water_dblocks=water,
                              size_sectors=_some(size, 'size'),
                              timeout_ms=milliseconds(timeout))
        tell_warnings(cls(name).remove)
        return cls(name)

    def __exit__(self, *exception: object) -> None:
        if os.getpid() == self._owner and self.exists():
            self._remove_at_end()

    def pool_status(self, *, flush: bool = False) -> PoolStatus:
        """A PoolStatus. flush: let it commit first."""
        found = context().pool_status(self._which, _flags(TABLE_FLUSH=flush))
        block = size_bytes(found['data_block_sectors'])
        return PoolStatus(
            found['mode'], found['transaction_id'], block, found['data_used_dblocks'] * block,
            found['data_total_dblocks'] * block, found['metadata_used_mblocks'] * 4096,
            found['metadata_total_mblocks'] * 4096, found['low_water_dblocks'] * block,
            found['held_root_mblock'], found['discard'], found['error_if_no_space'],
            found['needs_check'], found['skip_zeroing'], found['suspended'],
            found['metadata'], found['data'])

    def volumes(self) -> list[Volume]:
        """Its active volumes, by id."""
        return [_volume(found) for found in context().pool_volumes(self._which)]

    @overload
    def create_volume(self, name: Text | None, size: int, *, thin_id: int | None = None, uuid: Text | None = None, external_origin: Text | None = None,
                      read_only: bool = False, inactive: Literal[False] = False, timeout: Timeout = DEFAULT) -> Device: ...

    @overload
    def create_volume(self, name: Text | None, size: int, *, thin_id: int | None = None, uuid: Text | None = None, external_origin: Text | None = None,
                      read_only: bool = False, inactive: Literal[True], timeout: Timeout = DEFAULT) -> int: ...

    def create_volume(self, name: Text | None, size: int, *, thin_id: int | None = None, uuid: Text | None = None, external_origin: Text | None = None,
                      read_only: bool = False, inactive: bool = False, timeout: Timeout = DEFAULT) -> Device | int:
        """A new volume, and its mapped device (unless inactive): the Device, or the id."""
        found = context().create_volume(
            self._which, name, sectors(size), thin_id=_id(thin_id), uuid=uuid,
            external_origin=external_origin, read_only=read_only, inactive=inactive,
            timeout_ms=milliseconds(timeout))
        return found if inactive else Device(name)

    @overload
    def snapshot(self, name: Text | None, origin: Device | Which | None = None, *, origin_id: int | None = None, size: int | None = None, thin_id: int | None = None,
                 uuid: Text | None = None, read_only: bool = False, inactive: Literal[False] = False, timeout: Timeout = DEFAULT) -> Device: ...

    @overload
    def snapshot(self, name: Text | None, origin: Device | Which | None = None, *, origin_id: int | None = None, size: int | None = None, thin_id: int | None = None,
                 uuid: Text | None = None, read_only: bool = False, inactive: Literal[True], timeout: Timeout = DEFAULT) -> int: ...

    def snapshot(self, name: Text | None, origin: Device | Which | None = None, *, origin_id: int | None = None, size: int | None = None, thin_id: int | None = None,
                 uuid: Text | None = None, read_only: bool = False, inactive: bool = False, timeout: Timeout = DEFAULT) -> Device | int:
        """A volume that begins as a copy of another, at one instant: an active origin is
        suspended around it. The Device, or the id where inactive."""
        which = origin._which if isinstance(origin, Device) else origin
        found = context().snapshot(
            self._which, name, _some(size, 'size'), origin=which,
            origin_thin_id=_id(origin_id), thin_id=_id(thin_id), uuid=uuid,
            read_only=read_only, inactive=inactive, timeout_ms=milliseconds(timeout))
        return found if inactive else Device(name)

    def activate(self, thin_id: int, name: Text, size: int, *, uuid: Text | None = None, external_origin: Text | None = None,
                 read_only: bool = False, timeout: Timeout = DEFAULT) -> Device:
        """Make a mapped device for a volume that is in the pool."""
        context().activate(self._which, name, sectors(size), thin_id=thin_id, uuid=uuid,
                           external_origin=external_origin, read_only=read_only,
                           timeout_ms=milliseconds(timeout))
        return Device(name)

    def deactivate(self, thin_id: int, *, retry: bool = False, timeout: Timeout = DEFAULT) -> None:
        """Remove every mapped device of a volume; its data stay."""
        context().deactivate(self._which, thin_id, flags=_flags(REMOVE_RETRY=retry),
                             timeout_ms=milliseconds(timeout))

    def delete(self, thin_id: int, *, timeout: Timeout = DEFAULT) -> None:
        """Delete a volume, and its data, for good."""
        context().pool_delete(self._which, thin_id, milliseconds(timeout))

    def grow(self, size: int | None = None, *, timeout: Timeout = DEFAULT) -> None:
        """Use what its devices have gained; size: not more than that."""
        context().pool_grow(self._which, _some(size, 'size'), milliseconds(timeout))

    def set_no_space(self, *, error: bool, timeout: Timeout = DEFAULT) -> None:
        """What happens to writes when it is full: an error at once, or they wait."""
        context().set_no_space(self._which, error, milliseconds(timeout))

    def set_transaction(self, old: int, new: int, *, timeout: Timeout = DEFAULT) -> None:
        """Change its transaction id, if that is old."""
        context().set_transaction(self._which, old, new, milliseconds(timeout))

    def reserve_metadata_snap(self, *, timeout: Timeout = DEFAULT) -> int:
        """A still copy of its bookkeeping, for tools: the block it lies in."""
        return context().reserve_metadata_snap(self._which, milliseconds(timeout))

    def release_metadata_snap(self, *, timeout: Timeout = DEFAULT) -> None:
        """Give that back."""
        context().release_metadata_snap(self._which, milliseconds(timeout))

    def remove(self, *, retry: bool = False, deferred: bool = False, force: bool = False, timeout: Timeout = DEFAULT) -> bool:
        """Deactivate all volumes and the pool; nothing is deleted."""
        flags = _flags(REMOVE_RETRY=retry, REMOVE_DEFERRED=deferred, REMOVE_FORCE=force)
        context().pool_remove(self._which, flags=flags, timeout_ms=milliseconds(timeout))
        tell_warnings()
        return True


def pools() -> list[Pool]:
    """All active pools."""
    return [Pool(entry['name']) for entry in context().pool_list()]
