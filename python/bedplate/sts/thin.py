# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thin pools and volumes. What a pool holds is asked of the kernel; to remove takes mappings away
and keeps data; to delete a volume is delete_thin(), and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _bedplate as c
from .._context import context
from .._errors import Error
from .._types import Disk, Found, Text
from ..pool import Pool
from .base import register
from .blockdevice import as_block_device, identifier, length_sectors
from .result import fails_with
from .targets import Target, _status, number, sized

if TYPE_CHECKING:
    from typing_extensions import Self

THIN_ID_MAX = (1 << 24) - 1
FEATURES = {
    'skip_block_zeroing': c.POOL_SKIP_ZEROING,
    'ignore_discard': c.POOL_IGNORE_DISCARD,
    'no_discard_passdown': c.POOL_NO_DISCARD_PASSDOWN,
    'read_only': c.POOL_READ_ONLY,
    'error_if_no_space': c.POOL_ERROR_IF_NO_SPACE,
}


def thin_number(thin_id: int, name: str = 'thin_id') -> int:
    """A volume's number."""
    if number(thin_id, name) > THIN_ID_MAX:
        raise ValueError(f'{name}: {thin_id} is more than {THIN_ID_MAX}')
    return thin_id


@register
class ThinDevice(Target):
    """A volume of a pool."""

    target_type = 'thin'
    pool: Disk = None
    thin_id: int | None = None
    external_origin: str | None = None

    @classmethod
    def from_thin_pool(cls, pool_device: Disk, thin_id: int, start: int = 0, size: int | None = None, external_origin: Text | None = None) -> Self:
        """A volume that the pool has, of so many sectors."""
        found = cls._build(start, sized(size), pool_dev=identifier(pool_device),
                           id=thin_number(thin_id), external_origin_dev=external_origin)
        found.pool = pool_device
        return found

    @classmethod
    def create_from_pool(cls, pool: Disk, thin_id: int, size: int, start: int = 0) -> Self:
        """The same."""
        return cls.from_thin_pool(pool, thin_id, start, size)

    def _parse_args(self) -> None:
        words = self.args.split()
        self.thin_id = int(words[1]) if len(words) > 1 else None
        self.external_origin = words[2] if len(words) > 2 else None
        if self.pool is None and self._active and words:
            self.pool = _pool_of(words[0])

    @staticmethod
    def parse_status(status: str) -> Found:
        """mapped_sectors and highest_mapped_sector; a failed volume is {'state': 'Fail'}."""
        return _status('thin', status)


def _pool_of(devno: str) -> ThinPoolDevice | None:
    """The pool that is this device, or None."""
    try:
        major, minor = devno.split(':')
        info = context().device_info((int(major), int(minor)))
    except (ValueError, Error):
        return None
    return ThinPoolDevice(dm_name=info['name'])


@register
class ThinPoolDevice(Target):
    """A thin pool."""

    target_type = 'thin-pool'
    metadata_device: Disk = None
    data_device: Disk = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._volumes: dict[int, ThinDevice] = {}  # objects that were given out, by id: for their identity only
        super().__init__(*args, **kwargs)

    @classmethod
    def from_block_devices(cls, metadata_device: Disk, data_device: Disk, block_size_sectors: int = 128,
                           low_water_mark: int = 0, features: list[str] | None = None, start: int = 0, size: int | None = None) -> Self:
        """A pool; by default as large as its data device, and with new blocks zeroed.
        low_water_mark: blocks of the pool, below which it raises an event; 0: never."""
        data_device = as_block_device(data_device)
        metadata_device = as_block_device(metadata_device)
        if size is None:
            size = length_sectors(data_device)
        words = list(features or [])
        for word in words:
            if word not in FEATURES:
                raise ValueError(f"no feature '{word}'; known: {', '.join(FEATURES)}")
        found = cls._build(
            start, size, metadata_dev=identifier(metadata_device),
            data_dev=identifier(data_device),
            data_block_sectors=number(block_size_sectors, 'block_size_sectors'),
            low_water_dblocks=number(low_water_mark, 'low_water_mark'),
            **{word: True for word in words})
        found.metadata_device, found.data_device = metadata_device, data_device
        return found

    @property
    def _pool(self) -> Pool:
        """The Pool, which is there."""
        self._need()
        return Pool(self.dm_name)

    @fails_with(False)
    def create(self, dm_name: Text, *, uuid: Text | None = None, readonly: bool = False, notable: bool = False, readahead: int | str | None = None,
               addnodeoncreate: bool = False, addnodeonresume: bool = False, existing: bool = False, wipe: bool = False) -> bool:
        """Make the pool. Its metadata device must begin with zeros; existing says to use the metadata
        that it holds, wipe to begin anew whatever it holds."""
        if readonly or notable or self.is_created:
            return super().create.__wrapped__(  # type: ignore[attr-defined]
                self, dm_name, uuid=uuid, readonly=readonly, notable=notable,
                readahead=readahead, addnodeoncreate=addnodeoncreate,
                addnodeonresume=addnodeonresume)
        self._check()
        words = self.args.split()
        flags = (c.POOL_EXISTING if existing else 0) | (c.POOL_WIPE if wipe else 0)
        for word in words[5:]:
            flags |= FEATURES[word]
        context().pool_create(dm_name, words[0], words[1], uuid=uuid or None, flags=flags,
                              data_block_sectors=int(words[2]), low_water_dblocks=int(words[3]),
                              size_sectors=self.size_sectors)
        self._take(context().device_info(('name', dm_name))['name'])
        return True

    # --- volumes ---

    @property
    def thin_devices(self) -> dict[int, ThinDevice]:
        """Volumes by id: those that are active, as the kernel tells, and those that were made here
        without a mapping."""
        found = {id_: thin for id_, thin in self._volumes.items() if thin.dm_name is None}
        if self.is_created:
            for volume in Pool(self.dm_name).volumes():
                known = self._volumes.get(volume.thin_id)
                if known is None or known.dm_name != volume.name:
                    known = self._keep(ThinDevice(dm_name=volume.name))
                found[volume.thin_id] = known
        return dict(sorted(found.items()))

    def _keep(self, thin: ThinDevice) -> ThinDevice:
        thin.pool = self
        assert thin.thin_id is not None
        self._volumes[thin.thin_id] = thin
        return thin

    def _made(self, thin_id: int, size: int, dm_name: Text | None, activate: bool) -> ThinDevice:
        thin = ThinDevice.from_thin_pool(self, thin_id, size=size)
        if activate:
            thin._take(context().device_info(('name', dm_name or ''))['name'])
        return self._keep(thin)

    @fails_with(None)
    def create_thin(self, thin_id: int | None, size: int, dm_name: Text | None, *, activate: bool = True) -> ThinDevice:
        """A new volume of so many sectors, and its mapped device unless activate is False: both or
        none. thin_id None: one that is free."""
        pool = self._pool
        sized(size)
        if thin_id is not None:
            thin_number(thin_id)
        if activate:
            pool.create_volume(dm_name, size * 512, thin_id=thin_id)
            found = ThinDevice(dm_name=dm_name).thin_id if thin_id is None else thin_id
        else:
            found = pool.create_volume(dm_name, size * 512, thin_id=thin_id, inactive=True)
        assert found is not None
        return self._made(found, size, dm_name, activate)

    @fails_with(None)
    def create_snapshot(self, origin_id: int, snap_id: int, dm_name: Text | None, *, size: int | None = None, activate: bool = True) -> ThinDevice:
        """A volume that begins as a copy of another, at one instant: every active mapping of the
        origin is suspended around it. size: default the origin's."""
        pool = self._pool
        thin_number(origin_id, 'origin_id')
        thin_number(snap_id, 'snap_id')
        if size is None:
            size = self._size_of(origin_id)
        length = sized(size) * 512
        if activate:
            pool.snapshot(dm_name, origin_id=origin_id, thin_id=snap_id, size=length)
        else:
            pool.snapshot(dm_name, origin_id=origin_id, thin_id=snap_id, size=length, inactive=True)
        return self._made(snap_id, size, dm_name, activate)

    def _size_of(self, origin_id: int) -> int:
        """Sectors of an origin: of its mapping, as it is now; or as it was made here."""
        origin = self.thin_devices.get(origin_id)
        if origin is None:
            raise ValueError(f'size: volume {origin_id} is not active: it must be given')
        return (origin.size or 0) // 512

    @fails_with(False)
    def delete_thin(self, thin_id: int, *, force: bool = False) -> bool:
        """Remove a volume's mappings, and delete it with its data, for good. force: I/O of programs
        that hold it is answered with errors, so that they let go."""
        self._need()
        flags = c.REMOVE_FORCE if force else 0
        context().deactivate(self._which, thin_number(thin_id), flags=flags)
        context().pool_delete(self._which, thin_id)
        self._volumes.pop(thin_id, None)
        return True

    @fails_with(False)
    def deactivate_thin(self, thin_id: int) -> bool:
        """Remove a volume's mappings; its data stay in the pool."""
        self._need()
        context().deactivate(self._which, thin_number(thin_id))
        return True

    @fails_with(False)
    def remove(self, *, force: bool = False, retry: bool = False, deferred: bool = False) -> bool:
        """Remove the mappings of all volumes, and the pool. Nothing is deleted: create() with
        existing=True finds everything again."""
        self._need()
        flags = ((c.REMOVE_FORCE if force else 0) | (c.REMOVE_RETRY if retry else 0)
                 | (c.REMOVE_DEFERRED if deferred else 0))
        context().pool_remove(self._which, flags=flags)
        self._active = self._find() is not None
        return True

    # --- what sts has not ---

    @staticmethod
    def parse_status(status: str) -> Found:
        """All that a line of status says, by name; a failed pool is {'state': 'Fail'}."""
        return _status('thin-pool', status)

    @fails_with(False)
    def set_transaction_id(self, old: int, new: int) -> bool:
        """Change the pool's transaction id, if that is old."""
        self._pool.set_transaction(old, new)
        return True

    @fails_with(None)
    def reserve_metadata_snap(self) -> int:
        """A still copy of its bookkeeping: the block it lies in."""
        return self._pool.reserve_metadata_snap()

    @fails_with(False)
    def release_metadata_snap(self) -> bool:
        """Give that back."""
        self._pool.release_metadata_snap()
        return True

    @fails_with(False)
    def grow(self, size: int | None = None) -> bool:
        """Use what its devices have gained; size: not more than so many sectors."""
        self._pool.grow(size and size * 512)
        self._parse_table()
        return True
