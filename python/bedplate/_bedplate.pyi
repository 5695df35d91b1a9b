# SPDX-License-Identifier: LGPL-2.1-or-later
"""The extension, over the public headers: one method a call of the library. From this file, which type checkers
read, the build makes the methods' doc strings and signatures (python/docs.py).

Sizes here are in the units that names tell: 512-byte sectors, dblocks (blocks of a pool), mblocks (4096 bytes). flags: the
module's constants of that call's kind. timeout_ms: 0: the library's default (30 s), negative: no limit. A device (which, pool) is a
text as bedplate.Device() takes it, or a pair: ("name", TEXT), ("uuid", TEXT), ("path", TEXT), (MAJOR, MINOR). Failures are
bedplate.Error."""

from typing import Any

from ._types import Found, Progress, Text, Which

TABLE_INACTIVE: int
TABLE_SHOW_KEYS: int
TABLE_FLUSH: int
TABLE_PRINTED: int
TABLE_KEEP: int
UDEV_PUBLIC: int
UDEV_PRIVATE: int
UDEV_NONE: int
CREATE_READ_ONLY: int
CREATE_SECURE: int
CREATE_SUSPENDED: int
CREATE_NODE_EARLY: int
CREATE_PERSISTENT: int
CREATE_MODE: int
CREATE_UNCHECKED: int
CHANGE_NO_LOCKFS: int
CHANGE_NO_FLUSH: int
CHANGE_READ_ONLY: int
CHANGE_SECURE: int
CHANGE_UNLESS_SAME: int
CHANGE_UNCHECKED: int
REMOVE_RETRY: int
REMOVE_DEFERRED: int
REMOVE_FORCE: int
STACK_WITH_MINOR: int
STACK_SHOW_KEYS: int
POOL_SKIP_ZEROING: int
POOL_NO_DISCARD_PASSDOWN: int
POOL_IGNORE_DISCARD: int
POOL_READ_ONLY: int
POOL_ERROR_IF_NO_SPACE: int
POOL_EXISTING: int
POOL_WIPE: int
THIN_CHECK_SUPER_ONLY: int
THIN_CHECK_SKIP_MAPPINGS: int
THIN_CHECK_SNAP: int
THIN_CHECK_STRICT: int
CACHE_CHECK_SUPER_ONLY: int
CACHE_CHECK_SKIP_MAPPINGS: int
CACHE_CHECK_SKIP_HINTS: int
CACHE_CHECK_SKIP_DISCARDS: int
CACHE_CHECK_STRICT: int
ERA_CHECK_SUPER_ONLY: int
ERA_CHECK_STRICT: int
THIN_DUMP_HUMAN: int
THIN_DUMP_SKIP_MAPPINGS: int
SCOPE_ERROR_TABLES: int
SECTOR_BYTES: int
TIMEOUT_DEFAULT_MS: int
READ_AHEAD_NONE: int
THIN_ID_ANY: int

def version() -> str:
    """The library's version."""
def known_targets() -> list[tuple[str, str]]:
    """The targets that the library knows: name and purpose."""
def target_options(name: str, /) -> list[Found] | None:
    """A target's parameters: name, kind, required, unit, min, max, form, default_value, help; None: no such target."""

class Context:
    def take_warnings(self) -> list[str]:
        """The warnings since the last time; they are forgotten by that."""
    def dm_version(self) -> tuple[int, int, int]:
        """The version of the kernel's interface."""
    def device_info(self, which: Which, /) -> Found:
        """What bedplate.DeviceInfo has, of one answer of the kernel."""
    def device_list(self) -> list[Found]:
        """All mapped devices: name, kernel_name, uuid, major, minor, event_nr."""
    def pool_list(self) -> list[Found]:
        """The pools among them."""
    def device_table(self, which: Which, flags: int = 0, /) -> str:
        """The table as text, a line a segment; '' for none. flags: TABLE_INACTIVE, TABLE_SHOW_KEYS."""
    def device_status(self, which: Which, flags: int = 0, /) -> list[tuple[int, int, str, str]]:
        """Start and length in sectors, target, text of each segment. flags: TABLE_INACTIVE, TABLE_FLUSH."""
    def device_measure(self, which: Which, /) -> list[tuple[int, int, str, str]]:
        """What each segment tells to integrity measurement, likewise."""
    def device_deps(self, which: Which, flags: int = 0, /) -> list[tuple[int, int]]:
        """The devices that the table uses: MAJOR, MINOR. flags: TABLE_INACTIVE."""
    def kernel_target_list(self) -> list[tuple[str, tuple[int, int, int]]]:
        """The targets whose modules are loaded: name and version."""
    def kernel_target_version(self, name: str, /) -> tuple[str, tuple[int, int, int]]:
        """One of them; its module is loaded for it."""
    def get_read_ahead(self, which: Which, /) -> int:
        """Read-ahead of a device, in sectors."""
    def event_fd(self) -> int:
        """A descriptor that is readable after an event since event_arm(); the context's: not to be closed."""
    def event_arm(self) -> None:
        """From now on events make the descriptor readable."""
    def tree(self) -> list[Found]:
        """All mapped devices and what they lie on: bedplate.Node's fields."""
    def create(self, name: Text, table: Text | None, uuid: Text | None = None, flags: int = 0, major: int = 0,
               minor: int = 0, uid: int = 0, gid: int = 0, mode: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
               read_ahead_minimum: bool = False, timeout_ms: int = 0) -> Found:
        """Create, load and resume, all or nothing; table None: none yet. flags: CREATE_. The device's info."""
    def load(self, which: Which, table: Text, flags: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
             read_ahead_minimum: bool = False, timeout_ms: int = 0) -> None:
        """Put a table in the inactive slot. flags: CHANGE_."""
    def reload(self, which: Which, table: Text, flags: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
               read_ahead_minimum: bool = False, timeout_ms: int = 0) -> None:
        """Load, suspend and resume; on failure the old table is put back. flags: CHANGE_."""
    def suspend(self, which: Which, flags: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
                read_ahead_minimum: bool = False, timeout_ms: int = 0) -> None:
        """Hold I/O back. flags: CHANGE_NO_LOCKFS, CHANGE_NO_FLUSH."""
    def resume(self, which: Which, flags: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
               read_ahead_minimum: bool = False, timeout_ms: int = 0) -> None:
        """Make a loaded table live, let I/O go on. flags: CHANGE_."""
    def clear(self, which: Which, flags: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
              read_ahead_minimum: bool = False, timeout_ms: int = 0) -> None:
        """Drop the inactive table."""
    def wipe_table(self, which: Which, flags: int = 0, udev: int = 0, read_ahead_sectors: int = 0,
                   read_ahead_minimum: bool = False, timeout_ms: int = 0) -> None:
        """Replace the live table by one of errors. flags: CHANGE_NO_LOCKFS, CHANGE_NO_FLUSH."""
    def remove(self, which: Which, flags: int = 0, timeout_ms: int = 0) -> bool:
        """True: it is gone; False: it goes when its last user does. flags: REMOVE_."""
    def remove_all(self, flags: int = 0, timeout_ms: int = 0) -> int:
        """Remove every mapped device that nobody uses: how many stayed. flags: REMOVE_."""
    def cancel_remove(self, which: Which, /) -> None:
        """Take a deferred removal back."""
    def rename(self, which: Which, name: Text, timeout_ms: int = 0) -> None:
        """Give it another name."""
    def set_uuid(self, which: Which, uuid: Text, /) -> None:
        """Give it a uuid, for life."""
    def message(self, which: Which, sector: int, text: Text, timeout_ms: int = 0) -> str:
        """Send the target at a sector a message: its answer, '' for none."""
    def set_geometry(self, which: Which, cylinders: int, heads: int, sectors: int, start_sectors: int, /) -> None:
        """What it tells programs that still ask for it."""
    def set_read_ahead(self, which: Which, sectors: int, minimum: bool = False, /) -> None:
        """Read-ahead in sectors; READ_AHEAD_NONE: none. minimum: not less than that."""
    def mknodes(self, which: Which | None = None, /) -> None:
        """Make the node of a device, or (None) put all in order."""
    def mangle(self, which: Which, /) -> None:
        """Rename it to a name that udev can use."""
    def name_mangle(self, name: Text, /) -> str:
        """A name as its node has it."""
    def name_unmangle(self, name: Text, /) -> str:
        """A node's name as the device has it."""
    def name_split(self, name: Text, subsystem: Text | None = None, uuid: Text | None = None, /) -> Found:
        """The parts of a name: subsystem, vg, lv, layer."""
    def bdev_get(self, which: Text, /) -> Found:
        """A block device, by path or 'MAJOR:MINOR': path, major, minor, size_bytes, read_only, logical_block_bytes."""
    def bdev_holders(self, major: int, minor: int, /) -> list[tuple[str, int, str]]:
        """Who uses it: kind, pid, name."""
    def udev_probe(self) -> tuple[bool, str | None]:
        """Does udev run; why not."""
    def cookie_list(self) -> list[Found]:
        """udev's cookies: value, semid, count, age_s, changed_s."""
    def cookie_create(self) -> int:
        """A new cookie."""
    def cookie_complete(self, value: int, /) -> None:
        """One operation of a cookie is done."""
    def cookie_release(self, value: int, timeout_ms: int = 0, /) -> None:
        """Our part of a cookie is done: wait for the rest, destroy it."""
    def cookie_destroy_old(self, min_age_s: int = 0, /) -> int:
        """Destroy cookies of that age, other programs' too: how many."""
    def udev_flags(self, cookie: int, /) -> str:
        """The words of the flags in a cookie's upper half."""
    def concise_apply(self, spec: Text, udev: int = 0, timeout_ms: int = 0) -> None:
        """Create all devices of a concise text, or none."""
    def concise_read(self, which: Which | None = None, flags: int = 0, /) -> str:
        """A device, or all, as such a text. flags: STACK_."""
    def check_table(self, table: Text, which: Which | None = None, read_only: bool = False, /) -> str:
        """JSON of what the kernel would refuse of it."""
    def explain(self, text: Text, /) -> str:
        """JSON of what lines of a log, of status or of tables mean."""
    def plan_start(self) -> None:
        """From now on this context changes nothing, and notes what it would do."""
    def plan_take(self) -> list[Found]:
        """The end of that: verb, device, detail of each step."""
    def vdo_stats(self, which: Which, /) -> str:
        """JSON of an active vdo volume's counters."""
    def vdo_grow(self, which: Which, logical_bytes: int, physical_bytes: int, timeout_ms: int = 0, /) -> None:
        """Grow a vdo volume; 0: as it is."""
    def pool_create(self, name: Text, metadata: Text, data: Text, uuid: Text | None = None, flags: int = 0,
                    data_block_sectors: int = 0, low_water_dblocks: int = 0, size_sectors: int = 0,
                    timeout_ms: int = 0) -> None:
        """Make a pool. flags: POOL_."""
    def pool_status(self, which: Which, flags: int = 0, /) -> Found:
        """How a pool is, in blocks. flags: TABLE_FLUSH."""
    def pool_volumes(self, which: Which, /) -> list[Found]:
        """Its active volumes."""
    def create_volume(self, pool: Which, name: Text | None, size_sectors: int = 0, origin: Which | None = None,
                      thin_id: int = 4294967295, origin_thin_id: int = 4294967295, uuid: Text | None = None,
                      external_origin: Text | None = None, read_only: bool = False, inactive: bool = False,
                      timeout_ms: int = 0) -> int:
        """A new volume: its id. thin_id THIN_ID_ANY: one that is free. origin: not of this call."""
    def snapshot(self, pool: Which, name: Text | None, size_sectors: int = 0, origin: Which | None = None,
                 thin_id: int = 4294967295, origin_thin_id: int = 4294967295, uuid: Text | None = None,
                 external_origin: Text | None = None, read_only: bool = False, inactive: bool = False,
                 timeout_ms: int = 0) -> int:
        """A volume that begins as a copy of origin or origin_thin_id: its id."""
    def activate(self, pool: Which, name: Text | None, size_sectors: int = 0, origin: Which | None = None,
                 thin_id: int = 4294967295, origin_thin_id: int = 4294967295, uuid: Text | None = None,
                 external_origin: Text | None = None, read_only: bool = False, inactive: bool = False,
                 timeout_ms: int = 0) -> None:
        """A mapped device for the volume thin_id. origin, origin_thin_id and inactive: not of this call."""
    def deactivate(self, pool: Which, thin_id: int, flags: int = 0, timeout_ms: int = 0) -> None:
        """Remove a volume's mapped devices. flags: REMOVE_."""
    def pool_delete(self, pool: Which, thin_id: int, timeout_ms: int = 0, /) -> None:
        """Delete a volume, for good."""
    def pool_grow(self, pool: Which, size_sectors: int = 0, timeout_ms: int = 0, /) -> None:
        """Use what its data device has gained; 0: all of it."""
    def set_no_space(self, pool: Which, error: bool, timeout_ms: int = 0, /) -> None:
        """Do writes to a full pool fail at once, or wait?"""
    def set_low_water(self, pool: Which, dblocks: int, timeout_ms: int = 0, /) -> None:
        """With so many free blocks or fewer it raises an event."""
    def set_transaction(self, pool: Which, old: int, new: int, timeout_ms: int = 0, /) -> None:
        """Change its transaction id, if that is old."""
    def reserve_metadata_snap(self, pool: Which, timeout_ms: int = 0, /) -> int:
        """A still copy of its bookkeeping: the block it lies in."""
    def release_metadata_snap(self, pool: Which, timeout_ms: int = 0, /) -> None:
        """Give that back."""
    def pool_remove(self, pool: Which, flags: int = 0, timeout_ms: int = 0) -> None:
        """Deactivate its volumes and the pool; nothing is deleted. flags: REMOVE_."""
    def thin_check(self, path: Text, flags: int = 0, workers: int = 0, repair: bool = False,
                   progress: Progress | None = None) -> Found:
        """Check a pool's metadata: numbers, damages (each as JSON), superblock. flags: THIN_CHECK_."""
    def cache_check(self, path: Text, flags: int = 0, workers: int = 0, repair: bool = False,
                    progress: Progress | None = None) -> Found:
        """Check a cache's metadata, likewise. flags: CACHE_CHECK_."""
    def era_check(self, path: Text, flags: int = 0, workers: int = 0, repair: bool = False,
                  progress: Progress | None = None) -> Found:
        """Check an era's metadata, likewise. flags: ERA_CHECK_."""
    def thin_ls(self, path: Text, snap: bool = False, /) -> list[Found]:
        """The devices of a pool; snap: of its metadata snapshot."""
    def thin_dump(self, path: Text, output: Text, flags: int = 0, progress: Progress | None = None) -> int:
        """Write metadata as XML: how many parts are missing. Where any is and there was an output, it goes beside
        it, with ".partial" behind. flags: THIN_DUMP_."""
    def thin_restore(self, fd: int, name: Text, path: Text, progress: Progress | None = None) -> None:
        """Make metadata of the XML that a descriptor reads; name: what messages call it."""
    def thin_metadata_size(self, block_bytes: int, pool_bytes: int, max_thins: int, /) -> int:
        """How large a pool's metadata should be, in bytes."""

class Table:
    def __new__(cls, text: Text | None = None, flags: int = 0) -> Any: ...
    def __len__(self) -> int: ...
    def add(self, start_sectors: int, length_sectors: int, target: str, args: Text | None, /) -> None:
        """Add a segment; args None: its parameters follow, by set()."""
    def set(self, index: int, name: str, value: Text | None, /) -> None:
        """Set a parameter, as a table line has it; '' or None unsets it."""
    def get(self, index: int, name: str, /) -> str | None:
        """A parameter as text; None where it is not set."""
    def segments(self) -> list[Found]:
        """Each segment: start_sectors, length_sectors, target, args, extra, problem."""
    def json(self) -> str:
        """The table by names of parameters, without keys of encryption."""
    def equal(self, table: object, /) -> bool:
        """Do they mean the same?"""
    def explain(self) -> list[Found]:
        """What each word means: target, public_text, name, meaning, unit, segment."""
    def check(self) -> Any:
        """JSON of what is wrong, as far as the table alone tells."""
    def status_json(self, target: str, text: Text, /) -> str:
        """A line of status, typed, as JSON."""

class Scope:
    def __new__(cls, context: Context, name: Text, state_dir: Text | None = None, timeout_ms: int = 0) -> Scope: ...
    def token(self) -> str:
        """What BEDPLATE_SCOPE has to be for other processes to belong to it."""
    def uuid_prefix(self) -> str:
        """What its devices' uuids begin with."""
    def loop(self, size_bytes: int, /) -> str:
        """The path of a loop device on a sparse file."""
    def end(self, flags: int = 0, timeout_ms: int = 0, /) -> None:
        """Remove what belongs to it. flags: SCOPE_ERROR_TABLES."""
    def close(self) -> None:
        """Its context is in no scope any more; what is left is for the next of its name."""
