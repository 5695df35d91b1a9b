# SPDX-License-Identifier: LGPL-2.1-or-later
"""DmDevice: what all targets have in common. What a device is like is the kernel's to tell: objects
hold a name and the table they were configured with, nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .. import _bedplate as c
from .. import device as _device
from .._context import DEFAULT, context, size_bytes, wait_event
from .._errors import Busy, Error, Exists, Invalid, NoDevice
from .._types import Disk, Found, Tabular, Text, Timeout
from ..table import Status, Table, parse_status, printed
from . import report
from .blockdevice import BlockDevice, identifier
from .result import failed, fails_with, log
from .system import SystemCalls

if TYPE_CHECKING:
    from typing_extensions import Self

DeviceError = Error
D = TypeVar('D', bound='type[DmDevice]')


def _line(start: int, size: int, target: str, args: str) -> str:
    return f'{start} {size} {target} {args}'.rstrip()


def _read_ahead(value: int | str | None) -> dict[str, Any]:
    """auto, none, N or +N (sectors): keywords for the library."""
    if value is None or value == 'auto':
        return {}
    if value == 'none':
        return {'read_ahead_sectors': c.READ_AHEAD_NONE}
    text = str(value)
    number = int(text.lstrip('+'))
    return {'read_ahead_sectors': number or c.READ_AHEAD_NONE,
            'read_ahead_minimum': text.startswith('+')}


class DmDevice(SystemCalls, BlockDevice):
    """A mapped device: a configuration (start, size_sectors, args), or one that is active.

    >>> DmDevice(0, 1000000, '8:16 0')
    >>> DmDevice(dm_name='data')
    """

    DM_PATH = Path('/sys/class/block')
    target_type = ''

    # pylint: disable=super-init-not-called
    def __init__(self, start: int = 0, size_sectors: int = 0, args: str = '', dm_name: Text | None = None, *, path: Text | None = None, name: str | None = None) -> None:
        self.start = start
        self.size_sectors = size_sectors
        self.args = args
        self.dm_name = dm_name
        self.table: str | None = None
        self.segments: list[tuple[int, int, str, str]] = []
        self.last_error: Error | None = None
        self._active = False
        self.__post_init__(path or (f'/dev/{name}' if name else None))

    def __post_init__(self, path: Text | None = None) -> None:
        """Look up what was named, by dm_name, path or kernel name (dm-N)."""
        which = self.dm_name or path
        if which is None:
            return
        try:
            info = context().device_info(('name' if self.dm_name else 'path', which))
        except Error as error:
            log.debug('%s: %s', which, error)
            self.last_error = error
            return
        self._take(info['name'])

    def _take(self, dm_name: str) -> None:
        """The device of this name is ours from now on."""
        self.dm_name = dm_name
        self._active = True
        self._parse_table()

    # --- state, from the kernel ---

    @property
    def _which(self) -> tuple[str, Text]:
        return ('name', self.dm_name or '')

    def _find(self) -> Found | None:
        """The kernel's answer; None where there is no such device."""
        if not self._active or not self.dm_name:
            return None
        try:
            return context().device_info(self._which)
        except NoDevice:
            return None

    def _need(self) -> Found:
        """The kernel's answer; NoDevice where there is no such device."""
        if not self._active or not self.dm_name:
            raise NoDevice('the device is not created')
        return context().device_info(self._which)

    @property
    def is_created(self) -> bool:
        """Is there such a device, now?"""
        return self._find() is not None

    @property
    def info_now(self) -> _device.DeviceInfo | None:
        """A bedplate.DeviceInfo, or None."""
        found = self._find()
        return None if found is None else _device.DeviceInfo(**found)

    @property  # type: ignore[override]  # asked of the kernel
    def path(self) -> str | None:
        """Its node, or None."""
        found = self._find()
        return None if found is None else str(found['path'])

    @property  # type: ignore[override]  # asked of the kernel
    def name(self) -> str | None:
        """The kernel's name, dm-N, or None."""
        found = self._find()
        return None if found is None else f"dm-{found['minor']}"

    @property  # type: ignore[override]  # asked of the kernel
    def device_id(self) -> str | None:
        """'MAJOR:MINOR', or None."""
        found = self._find()
        return None if found is None else f"{found['major']}:{found['minor']}"

    @property  # type: ignore[override]  # asked of the kernel
    def size(self) -> int | None:
        """In bytes, of the live table; of a configuration what it would be."""
        if self._find() is None:
            return size_bytes(self.start + self.size_sectors) or None
        return printed(context().device_table(self._which)).length

    @property  # type: ignore[override]  # asked of the kernel
    def sector_size(self) -> int | None:
        """Its logical block size in bytes, or None."""
        found = self._find()
        if found is None:
            return None
        return int(context().bdev_get(f"{found['major']}:{found['minor']}")['logical_block_bytes'])

    @property
    def type(self) -> str:
        """The target's name; '' where a table has several."""
        return self.target_type

    @property
    def device_path(self) -> Path:
        """Its directory in sysfs; DeviceNotFoundError where it does not exist."""
        found = self._need()
        return self.DM_PATH / f"dm-{found['minor']}"

    @property
    def device_root_dir(self) -> str:
        """Where the nodes are."""
        return self.DM_DEV_PATH

    @property
    def dm_device_path(self) -> str | None:
        """Its node in the mapper directory, or None."""
        return self.path

    @staticmethod
    def _get_device_identifier(device: Disk) -> str:
        return identifier(device)

    # --- table ---

    def __str__(self) -> str:
        if self.segments:
            return '\n'.join(_line(*segment) for segment in self.segments)
        return _line(self.start, self.size_sectors, self.type, self.args)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({str(self)!r}, dm_name={self.dm_name!r})'

    @classmethod
    def from_table(cls, text: str) -> Self:
        """A configuration from a table of any number of lines."""
        found = cls()
        found._use_table(Table(text))
        return found

    def _use_table(self, table: Table) -> None:
        """Attributes from a table: of its only segment, or for several the list of them."""
        self.table = str(table).strip('\n') or None
        segments = [(s['start_sectors'], s['length_sectors'], s['target'], s['args'])
                    for s in table.segments()]
        self.segments = segments if len(segments) > 1 else []
        if len(segments) == 1:
            self.start, self.size_sectors, target, self.args = segments[0]
        else:
            self.start, self.args, target = 0, '', ''
            self.size_sectors = table.length // 512
        if type(self).target_type == '':
            self.target_type = target
        self._parse_args()

    def _parse_table(self) -> None:
        self._use_table(printed(context().device_table(self._which)))

    def _parse_args(self) -> None:
        """For targets: their own attributes from args."""

    def refresh(self) -> None:
        """Read the table again: from the kernel, where the device is there; then args."""
        if self._find() is not None:
            self._parse_table()
        else:
            self._parse_args()

    # --- asking ---

    @fails_with(None)
    def get_status(self, *, target_type: str | None = None, noflush: bool = False) -> str:
        """Lines of status, as dmsetup prints them."""
        self._need()
        lines = context().device_status(self._which, 0 if noflush else c.TABLE_FLUSH)
        return '\n'.join(f'{start} {length} {target} {text}'.rstrip()
                         for start, length, target, text in lines
                         if target_type in (None, target))

    def status(self) -> list[Status]:
        """The same, typed: a list of bedplate.Status."""
        self._need()
        return [parse_status(target, text, size_bytes(start), size_bytes(length))
                for start, length, target, text in context().device_status(self._which, 0)]

    @fails_with(None)
    def get_table(self, *, concise: bool = False, target_type: str | None = None, showkeys: bool = False) -> str:
        """The live table as text."""
        self._need()
        if concise:
            return context().concise_read(self._which, c.STACK_SHOW_KEYS if showkeys else 0)
        flags = c.TABLE_SHOW_KEYS if showkeys else 0
        lines = context().device_table(self._which, flags).splitlines()
        return '\n'.join(line for line in lines
                         if target_type is None or line.split()[2] == target_type)

    def deps(self, *, output_format: str = 'devno') -> list[str]:
        """Devices the live table uses: devno '8:16', blkdevname 'sdb', or devname (mapped devices by
        their name). An error is raised: no list could tell it."""
        self._need()
        found = context().device_deps(self._which)
        return report.deps(found, output_format)

    @fails_with(None)
    def info(self, *, columns: bool = False, noheadings: bool = False, fields: list[str] | str | None = None, separator: str | None = None,
             sort_fields: list[str] | str | None = None, nameprefixes: bool = False) -> dict[str, str] | str:
        """A dict of label and text; with columns the report as text. The other options need it."""
        found = self._need()
        if columns:
            return report.columns([found], noheadings=noheadings, fields=fields,
                                  separator=separator, sort_fields=sort_fields,
                                  nameprefixes=nameprefixes)
        if noheadings or fields or separator or sort_fields or nameprefixes:
            raise Invalid('noheadings, fields, separator, sort_fields and nameprefixes need '
                          'columns=True')
        return report.labels(found)

    @fails_with(None)
    def measure(self) -> str:
        """What each segment tells to integrity measurement; '' for nothing."""
        self._need()
        return '\n'.join(f'{start} {length} {target} {text}'.rstrip() for start, length, target,
                         text in context().device_measure(self._which) if text)

    @fails_with(None)
    def splitname(self, subsystem: str = 'LVM') -> dict[str, str]:
        """The parts of its name, as of LVM: VG, LV, LVLayer."""
        parts = context().name_split(self._need()['name'], subsystem)
        return {'VG': parts['vg'], 'LV': parts['lv'], 'LVLayer': parts['layer']}

    # --- making ---

    def _check(self, readonly: bool = False) -> None:
        """Refuse what the kernel would, and say which argument it is."""
        text = context().check_table(str(self), None, readonly)
        report.refuse(text)

    def _create(self, dm_name: Text, uuid: Text | None, readonly: bool, notable: bool, early: bool, readahead: int | str | None) -> None:
        if not notable:
            self._check(readonly)
        flags = (c.CREATE_READ_ONLY if readonly else 0) | (c.CREATE_NODE_EARLY if early else 0)
        context().create(dm_name, None if notable else str(self), uuid=uuid or None,
                         flags=flags, **_read_ahead(readahead))

    @fails_with(False)
    def create(self, dm_name: Text, *, uuid: Text | None = None, readonly: bool = False, notable: bool = False, readahead: int | str | None = None,
               addnodeoncreate: bool = False, addnodeonresume: bool = False) -> bool:
        """Create, load and resume; on failure nothing is left. Created already: True for the same
        name, False for another."""
        if addnodeoncreate and addnodeonresume:
            raise Invalid('addnodeoncreate and addnodeonresume exclude each other')
        if self.is_created:
            if self.dm_name == os.fsdecode(dm_name):
                log.warning('%s is created already', self.dm_name)
                return True
            raise Exists(f"it is created already, as '{os.fsdecode(self.dm_name or '')}'")
        self._create(dm_name, uuid, readonly, notable, addnodeoncreate, readahead)
        self.dm_name = context().device_info(('name', dm_name))['name']
        self._active = True
        if not notable:
            self._parse_table()
        return True

    # --- changing ---

    def _change(self, verb: str, *args: str, nolockfs: bool = False, noflush: bool = False, readahead: int | str | None = None) -> bool:
        self._need()
        flags = ((c.CHANGE_NO_LOCKFS if nolockfs else 0)
                 | (c.CHANGE_NO_FLUSH if noflush else 0))
        getattr(context(), verb)(self._which, *args, flags=flags, **_read_ahead(readahead))
        return True

    @fails_with(False)
    def suspend(self, *, nolockfs: bool = False, noflush: bool = False) -> bool:
        """Hold I/O back. A volume whose pool is suspended is refused: it would block."""
        return self._change('suspend', nolockfs=nolockfs, noflush=noflush)

    @fails_with(False)
    def resume(self, *, addnodeoncreate: bool = False, addnodeonresume: bool = False, noflush: bool = False,
               nolockfs: bool = False, readahead: int | str | None = None) -> bool:
        """Let I/O go on; make a loaded table live. The node is there afterwards, whatever
        the addnode options say."""
        del addnodeoncreate, addnodeonresume
        done = self._change('resume', nolockfs=nolockfs, noflush=noflush, readahead=readahead)
        self._parse_table()
        return done

    @fails_with(False)
    def remove(self, *, force: bool = False, retry: bool = False, deferred: bool = False) -> bool:
        """Remove it. Deferred: True, and is_created says whether it is still there."""
        self._need()
        flags = ((c.REMOVE_FORCE if force else 0) | (c.REMOVE_RETRY if retry else 0)
                 | (c.REMOVE_DEFERRED if deferred else 0))
        if context().remove(self._which, flags=flags):
            self._active = False
        return True

    @fails_with(False)
    def clear(self) -> bool:
        """Drop the inactive table."""
        return self._change('clear')

    @fails_with(False)
    def message(self, sector: int, message: Text) -> bool:
        """Send the target a message. Its answer is in self.reply."""
        self._need()
        self.reply = context().message(self._which, sector, message)
        return True

    reply = ''

    @fails_with(False)
    def rename(self, new_name: Text) -> bool:
        """Give it another name."""
        self._need()
        context().rename(self._which, new_name)
        self.dm_name = context().device_info(('name', new_name))['name']
        return True

    @fails_with(False)
    def set_uuid(self, uuid: Text) -> bool:
        """Give it a uuid, for life."""
        self._need()
        context().set_uuid(self._which, uuid)
        return True

    @fails_with(False)
    def reload_table(self, new_table: Tabular) -> bool:
        """Change the live table: loaded first, then suspended and resumed; where that fails the old
        one is put back."""
        self._change('reload', str(new_table))
        self._parse_table()
        return True

    @fails_with(False)
    def load(self, table: Tabular | None = None, table_file: Text | None = None) -> bool:
        """Put a table, from text or from a file, in the inactive slot."""
        if (table is None) == (table_file is None):
            raise ValueError('either table or table_file')
        if table is None:
            table = Path(os.fsdecode(table_file or '')).read_text(encoding='utf-8', errors='surrogateescape')
        return self._change('load', str(table))

    @fails_with(False)
    def wipe_table(self, *, force: bool = False, noflush: bool = False, nolockfs: bool = False) -> bool:
        """Replace the live table by one that answers everything with an error."""
        self._change('wipe_table', noflush=noflush or force, nolockfs=nolockfs or force)
        self._parse_table()
        return True

    @fails_with(False)
    def mknodes(self) -> bool:
        """Make its node, where it is missing."""
        self._need()
        context().mknodes(self._which)
        return True

    @fails_with(False)
    def setgeometry(self, cylinders: int, heads: int, sectors: int, start: int) -> bool:
        """What it tells programs that still ask for it."""
        self._need()
        context().set_geometry(self._which, cylinders, heads, sectors, start)
        return True

    @fails_with(None)
    def wait(self, event_nr: int | None = None, *, noflush: bool = False, timeout: Timeout = DEFAULT) -> int:
        """Wait for an event after event_nr (None: 0, any that ever was): its number. After 30
        seconds, or timeout (None: never), it fails."""
        del noflush
        self._need()
        return wait_event(self._which, event_nr or 0, timeout)

    @fails_with(False)
    def mangle(self) -> bool:
        """Rename it to a name that udev can use."""
        found = self._need()
        context().mangle(self._which)
        self.dm_name = context().device_info((found['major'], found['minor']))['name']
        return True

    # --- finding ---

    @classmethod
    def _open(cls, dm_name: str) -> Any:
        """An object of the class that belongs to the device's target."""
        plain = DmDevice(dm_name=dm_name)
        if not plain._active:
            return None
        kind = CLASSES.get(plain.target_type, DmDevice)
        if kind is DmDevice:
            return plain if cls is DmDevice else cls._mismatch(plain)
        return kind(dm_name=plain.dm_name) if issubclass(kind, cls) else cls._mismatch(plain)

    @classmethod
    def _mismatch(cls, plain: DmDevice) -> NoReturn:
        raise Invalid(f"'{os.fsdecode(plain.dm_name or '')}' is a {plain.target_type or 'mixed'} device, not a "
                      f'{cls.target_type} device')

    @classmethod
    def get_by_name(cls, dm_name: Text) -> Any:
        """The device, as an object of its target's class; None: there is none of that name. Other
        failures (not allowed, no device-mapper, another target than the class has) are raised."""
        if not dm_name:
            raise ValueError('a name is needed')
        try:
            context().device_info(('name', dm_name))
        except NoDevice as error:
            return failed(error, None) if error.code == 'BP_E_NO_DEVICE' else None
        return cls._open(os.fsdecode(dm_name))

    @classmethod
    def get_all(cls) -> list[Self]:
        """All devices, each of its target's class; of a target's class: those of the target."""
        found = [DmDevice._open(entry['name']) for entry in context().device_list()]
        return [one for one in found if isinstance(one, cls)]

    @classmethod
    @fails_with(False)
    def remove_all(cls, *, force: bool = False, deferred: bool = False, names: list[str] | None = None) -> bool:
        """Remove all devices that nobody uses; names: only these. True: none is left."""
        flags = (c.REMOVE_FORCE if force else 0) | (c.REMOVE_DEFERRED if deferred else 0)
        if names is not None:
            for name in names:
                context().remove(('name', name), flags=flags)
            return True
        left = context().remove_all(flags=flags)
        if left:
            raise Busy(f'{left} devices are in use, and stayed')
        return True


CLASSES: dict[str, type[DmDevice]] = {}


def register(kind: D) -> D:
    """Class decorator: objects of this class are made for devices of its target."""
    CLASSES[kind.target_type] = kind
    return kind
