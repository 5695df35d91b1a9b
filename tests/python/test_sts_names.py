# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every name that programs of sts use is there: class, method, parameters in their order, defaults, kind.

What ours have beside them comes behind, and has a default: no call of sts means something else.
docs/coming-from-sts.md tells how many names these are.
"""
import inspect
import os
import re
import unittest

from bedplate.sts import dm, dmpd

# CLASS NAME(PARAMETERS) -> TYPES OF RESULTS, as sts declares it; a name alone is an attribute or property.
NAMES = """
DmDevice start size_sectors args dm_name name path target_type table is_created DM_PATH DM_DEV_PATH
DmDevice type device_path device_root_dir dm_device_path
DmDevice create(dm_name, *, uuid=None, readonly=False, notable=False, readahead=None, addnodeoncreate=False, addnodeonresume=False) -> bool
DmDevice refresh() -> None
DmDevice get_status(*, target_type=None, noflush=False) -> str|None
DmDevice suspend(*, nolockfs=False, noflush=False) -> bool
DmDevice resume(*, addnodeoncreate=False, addnodeonresume=False, noflush=False, nolockfs=False, readahead=None) -> bool
DmDevice remove(*, force=False, retry=False, deferred=False) -> bool
DmDevice clear() -> bool
DmDevice deps(*, output_format='devno') -> list
DmDevice info(*, columns=False, noheadings=False, fields=None, separator=None, sort_fields=None, nameprefixes=False) -> dict|str|None
DmDevice message(sector, message) -> bool
DmDevice rename(new_name) -> bool
DmDevice set_uuid(uuid) -> bool
DmDevice reload_table(new_table) -> bool
DmDevice load(table=None, table_file=None) -> bool
DmDevice get_table(*, concise=False, target_type=None, showkeys=False) -> str|None
DmDevice wipe_table(*, force=False, noflush=False, nolockfs=False) -> bool
DmDevice mknodes() -> bool
DmDevice setgeometry(cylinders, heads, sectors, start) -> bool
DmDevice wait(event_nr=None, *, noflush=False) -> int|None
DmDevice measure() -> str|None
DmDevice mangle() -> bool
DmDevice splitname(subsystem='LVM') -> dict|None
DmDevice version() -> dict|None
DmDevice targets() -> list
DmDevice udevcreatecookie() -> str|None
DmDevice udevreleasecookie(cookie=None) -> bool
DmDevice udevcomplete(cookie) -> bool
DmDevice udevcomplete_all(age=None) -> bool
DmDevice udevcookie() -> list
DmDevice udevflags(cookie) -> dict
DmDevice remove_all(*, force=False, deferred=False) -> bool
DmDevice mknodes_all() -> bool
DmDevice ls(*, target_type=None, output_format='devno', tree=False, tree_options=None, exec_cmd=None) -> list|str
DmDevice get_all() -> list
DmDevice create_concise(concise_spec) -> bool
DmDevice help(*, columns=False) -> str|None
DmDevice get_by_name(dm_name) -> DmDevice|None
CacheDevice from_block_devices(metadata_device, cache_device, origin_device, block_size_sectors=512, policy='default', policy_args=None, start=0, size_sectors=None, writethrough=False, passthrough=False, metadata2=False, no_discard_passdown=False) -> CacheDevice
CacheDevice parse_status(status) -> dict
DelayDevice arg_format
DelayDevice read_device read_offset read_delay_ms write_device write_offset write_delay_ms
DelayDevice flush_device flush_offset flush_delay_ms
DelayDevice from_block_device(device, delay_ms, start=0, size_sectors=None, offset=0) -> DelayDevice
DelayDevice from_block_devices_rw(read_device, read_offset, read_delay_ms, write_device, write_offset, write_delay_ms, start=0, size=None) -> DelayDevice
DelayDevice from_block_devices_rwf(read_device, read_offset, read_delay_ms, write_device, write_offset, write_delay_ms, flush_device, flush_offset, flush_delay_ms, start=0, size=None) -> DelayDevice
DelayDevice create_positional(device_path, offset, delay_ms, start=0, size=None, write_device_path=None, write_offset=None, write_delay_ms=None, flush_device_path=None, flush_offset=None, flush_delay_ms=None) -> DelayDevice
DelayDevice refresh() -> None
DelayDevice from_table_line(line) -> DelayDevice|None
ErrorDevice create_config(start=0, size=None) -> ErrorDevice
ZeroDevice create_config(start=0, size=None) -> ZeroDevice
FlakeyDevice from_block_device(device, up_interval, down_interval, offset=0, size_sectors=None, corrupt_bio_byte=None, start=0, drop_writes=False, error_writes=False) -> FlakeyDevice
LinearDevice from_block_device(device, start=0, size_sectors=None, offset=0) -> LinearDevice
LinearDevice create_positional(device_path, offset=0, start=0, size_sectors=None) -> LinearDevice
ThinDevice pool thin_id
ThinDevice create_from_pool(pool, thin_id, size, start=0) -> ThinDevice
ThinDevice from_thin_pool(pool_device, thin_id, start=0, size=None) -> ThinDevice
ThinPoolDevice thin_devices
ThinPoolDevice from_block_devices(metadata_device, data_device, block_size_sectors=128, low_water_mark=0, features=None, start=0, size=None) -> ThinPoolDevice
ThinPoolDevice create_thin(thin_id, size, dm_name, *, activate=True) -> ThinDevice|None
ThinPoolDevice delete_thin(thin_id, *, force=False) -> bool
ThinPoolDevice create_snapshot(origin_id, snap_id, dm_name, *, size=None, activate=True) -> ThinDevice|None
ThinPoolDevice remove(*, force=False, retry=False, deferred=False) -> bool
VdoDevice vdo_version storage_device storage_size_blocks minimum_io_size block_map_cache_blocks block_map_period
VdoDevice ack bio bioRotationInterval cpu hash logical physical maxDiscard deduplication compression
VdoDevice from_block_device(device, logical_size_sectors, *, start=0, minimum_io_size=4096, block_map_cache_size_mb=128, block_map_period=16380, **kwargs) -> VdoDevice
VdoDevice refresh() -> None
VdoDevice from_table_line(line) -> VdoDevice|None
VdoDevice parse_status(line) -> dict
VdoDevice create_positional(device_path, storage_size_blocks, logical_size_sectors, *, start=0, minimum_io_size=4096, block_map_cache_blocks=32768, block_map_period=16380, **kwargs) -> VdoDevice
"""
TOOLS = ("CacheCheck CacheDump CacheMetadataSize CacheRepair CacheRestore EraCheck EraDump EraRepair EraRestore "
         "ThinCheck ThinDelta ThinDump ThinLs ThinMetadataSize ThinRepair ThinRestore ThinTrim").split()
FUNCTIONS = [re.sub("(?<=.)([A-Z])", r"_\1", tool).lower() for tool in TOOLS] + ["get_help", "get_version"]


def rows(text=NAMES):
    """Class, name, the parameters as text, names of the results' types; both None of an attribute."""
    for line in text.strip().splitlines():
        cls, rest = line.split(" ", 1)
        if "(" in rest:
            head, results = rest.split(") -> ")
            name, parameters = head.split("(", 1)
            yield cls, name, parameters, results.split("|")
        else:
            for name in rest.split():
                yield cls, name, None, None


def declared(text):
    """The parameters that a text declares."""
    scope = {}
    exec(f"def f({text}): pass", scope)  # pylint: disable=exec-used
    return list(inspect.signature(scope["f"]).parameters.values())


def ours(function):
    found = list(inspect.signature(function).parameters.values())
    return found[1:] if found and found[0].name in ("self", "cls") else found


class Names(unittest.TestCase):
    def compare(self, expected, found, what):
        kinds = lambda p: (p.name, p.kind)
        for kind in inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY:
            theirs = [p for p in expected if p.kind == kind]
            mine = [p for p in found if p.kind == kind]
            self.assertEqual([kinds(p) for p in theirs], [kinds(p) for p in mine[:len(theirs)]], what)
            for a, b in zip(theirs, mine):
                self.assertEqual(a.default, b.default, f"{what}, {a.name}")
            for extra in mine[len(theirs):]:
                self.assertIsNot(extra.default, inspect.Parameter.empty, f"{what}, {extra.name}")

    def test_classes(self):
        for cls, name, parameters, results in rows():
            what = f"{cls}.{name}"
            base = getattr(dm, cls)
            if parameters is None:
                self.assertTrue(name in dir(base) or name in dir(base()), what)
            else:
                self.compare(declared(parameters), ours(getattr(base, name)), what)
                self.results(cls, results, inspect.signature(getattr(base, name)).return_annotation, what)

    def results(self, cls, expected, annotation, what):
        """What it says to give is what sts gives: with what stands for failure, which a decorator adds."""
        while '[' in annotation:
            annotation = re.sub(r'\[[^][]*\]', '', annotation)
        found = {one.strip() for one in annotation.split('|')}
        found = {{'Self': cls, 'Found': 'dict'}.get(one, one) for one in found}
        if found == {'Any'}:  # by its argument: get_by_name() gives each class' own
            return
        self.assertEqual(found | {'None'}, set(expected) | {'None'}, what)

    def test_constructors(self):
        """As they are documented: what describes a device comes first, by position."""
        self.compare(declared("start=0, size_sectors=0, args='', dm_name=None, *, path=None, name=None"),
                     ours(dm.DmDevice.__init__), "DmDevice")
        self.compare(declared("path=None, name=None, size=None, sector_size=None, device_id=None"),
                     ours(dm.BlockDevice.__init__), "BlockDevice")
        for cls in (getattr(dm, name) for name in {row[0] for row in rows()}):
            device = cls(5, 8, "", None)
            self.assertEqual((device.start, device.size_sectors, device.args, device.dm_name), (5, 8, "", None))
            for name in ("name", "path", "size", "sector_size", "device_id"):
                self.assertTrue(hasattr(device, name), name)
        self.compare(declared("device"), ours(dm.DmDevice._get_device_identifier), "_get_device_identifier")
        self.assertEqual(dm.DmDevice._get_device_identifier("8:16"), "8:16")
        with self.assertRaises(dm.DeviceError):
            dm.DmDevice._get_device_identifier("/nonexistent/disk")

    def test_tool_parameters(self):
        """What a tool is given: operands first, then any option; of each function, method and the command's builder."""
        calls = [("device_or_file=None, **options", dmpd.DmpdTool.run),
                 ("cmd, device_or_file=None, **options", dmpd.DmpdTool._build_command)]
        calls += [("device_or_file=None, **options", getattr(dmpd, name)) for name in FUNCTIONS[:-2]]
        calls += [("tool_name", dmpd.get_help), ("tool_name", dmpd.get_version)]
        for parameters, function in calls:
            self.compare(declared(parameters), ours(function), function.__qualname__)
            any_option = inspect.Parameter.VAR_KEYWORD in [p.kind for p in inspect.signature(function).parameters.values()]
            self.assertEqual(any_option, "**" in parameters, function.__qualname__)
            result = inspect.signature(function).return_annotation
            self.assertEqual(result, "str" if "cmd" in parameters else "CommandResult", function.__qualname__)

    def test_tools(self):
        for name in TOOLS:
            tool = getattr(dmpd, name)
            self.assertTrue(issubclass(tool, dmpd.DmpdTool), name)
            self.assertEqual(tool.TOOL_NAME, re.sub("(?<=.)([A-Z])", r"_\1", name).lower())
            for method in tool.run, tool.help, tool.version:
                self.assertTrue(callable(method), name)
        for name in FUNCTIONS:
            self.assertTrue(callable(getattr(dmpd, name)), name)

    def test_page(self):
        """The page tells how many."""
        page = os.path.join(os.path.dirname(__file__), "../../docs/coming-from-sts.md")
        with open(page, encoding="utf-8") as file:
            told = re.search(r"(\d+) classes, (\d+) methods and attributes with (\d+) parameters,\s(\d+) functions and "
                             r"classes of tools", file.read())
        listed = list(rows())
        parameters = sum(len(declared(p)) for _, _, p, _ in listed if p)
        self.assertEqual([int(n) for n in told.groups()],
                         [len({cls for cls, _, _, _ in listed}), len(listed), parameters, len(TOOLS) + len(FUNCTIONS)])


if __name__ == "__main__":
    unittest.main()
