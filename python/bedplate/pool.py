# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thin pools and their volumes. To deactivate keeps data, to delete does not; removing a pool
deactivates and never deletes."""

import os
from dataclasses import dataclass

from . import _bedplate as c
from ._context import DEFAULT, context, milliseconds, one_of, sectors, size_bytes, tell_warnings
from .device import Device, _flags


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


def _volume(found):
    origin = found['external_origin']
    return Volume(found['name'], found['thin_id'], size_bytes(found['size_sectors']),
                  size_bytes(found['mapped_sectors']), found['uuid'], found['major'],
                  found['minor'], found['open_count'], found['suspended'],
                  found['read_only'], found['failed'], None if origin == '0:0' else origin)


def _id(thin_id):
    if thin_id == c.THIN_ID_ANY:
        raise ValueError(f'thin_id: {thin_id} is none')
    return c.THIN_ID_ANY if thin_id is None else thin_id


def _some(size, what):
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
    def create(cls, name, metadata, data, *, uuid=None, block_size=None, low_water=0,
               size=None, existing=False, wipe=False, read_only=False, skip_zeroing=False,
               error_if_no_space=False, discard='passdown', timeout=DEFAULT):
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

    def __exit__(self, *exception):
        if os.getpid() == self._owner and self.exists():
            self._remove_at_end()

    def pool_status(self, *, flush=False):
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

    def volumes(self):
        """Its active volumes, by id."""
        return [_volume(found) for found in context().pool_volumes(self._which)]

    def create_volume(self, name, size, *, thin_id=None, uuid=None, external_origin=None,
                      read_only=False, inactive=False, timeout=DEFAULT):
        """A new volume, and its mapped device (unless inactive): the Device, or the id."""
        found = context().create_volume(
            self._which, name, sectors(size), thin_id=_id(thin_id), uuid=uuid,
            external_origin=external_origin, read_only=read_only, inactive=inactive,
            timeout_ms=milliseconds(timeout))
        return found if inactive else Device(name)

    def snapshot(self, name, origin=None, *, origin_id=None, size=None, thin_id=None,
                 uuid=None, read_only=False, inactive=False, timeout=DEFAULT):
        """A volume that begins as a copy of another, at one instant: an active origin is
        suspended around it. The Device, or the id where inactive."""
        which = origin._which if isinstance(origin, Device) else origin
        found = context().snapshot(
            self._which, name, _some(size, 'size'), origin=which,
            origin_thin_id=_id(origin_id), thin_id=_id(thin_id), uuid=uuid,
            read_only=read_only, inactive=inactive, timeout_ms=milliseconds(timeout))
        return found if inactive else Device(name)

    def activate(self, thin_id, name, size, *, uuid=None, external_origin=None,
                 read_only=False, timeout=DEFAULT):
        """Make a mapped device for a volume that is in the pool."""
        context().activate(self._which, name, sectors(size), thin_id=thin_id, uuid=uuid,
                           external_origin=external_origin, read_only=read_only,
                           timeout_ms=milliseconds(timeout))
        return Device(name)

    def deactivate(self, thin_id, *, retry=False, timeout=DEFAULT):
        """Remove every mapped device of a volume; its data stay."""
        context().deactivate(self._which, thin_id, flags=_flags(REMOVE_RETRY=retry),
                             timeout_ms=milliseconds(timeout))

    def delete(self, thin_id, *, timeout=DEFAULT):
        """Delete a volume, and its data, for good."""
        context().pool_delete(self._which, thin_id, milliseconds(timeout))

    def grow(self, size=None, *, timeout=DEFAULT):
        """Use what its devices have gained; size: not more than that."""
        context().pool_grow(self._which, _some(size, 'size'), milliseconds(timeout))

    def set_no_space(self, *, error, timeout=DEFAULT):
        """What happens to writes when it is full: an error at once, or they wait."""
        context().set_no_space(self._which, error, milliseconds(timeout))

    def set_transaction(self, old, new, *, timeout=DEFAULT):
        """Change its transaction id, if that is old."""
        context().set_transaction(self._which, old, new, milliseconds(timeout))

    def reserve_metadata_snap(self, *, timeout=DEFAULT):
        """A still copy of its bookkeeping, for tools: the block it lies in."""
        return context().reserve_metadata_snap(self._which, milliseconds(timeout))

    def release_metadata_snap(self, *, timeout=DEFAULT):
        """Give that back."""
        context().release_metadata_snap(self._which, milliseconds(timeout))

    def remove(self, *, retry=False, deferred=False, force=False, timeout=DEFAULT):
        """Deactivate all volumes and the pool; nothing is deleted."""
        flags = _flags(REMOVE_RETRY=retry, REMOVE_DEFERRED=deferred, REMOVE_FORCE=force)
        context().pool_remove(self._which, flags=flags, timeout_ms=milliseconds(timeout))
        tell_warnings()
        return True


def pools():
    """All active pools."""
    return [Pool(entry['name']) for entry in context().pool_list()]
