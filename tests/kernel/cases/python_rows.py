# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every row of sts' interface runs on a kernel: each method with each of its parameters, each attribute,
each tool. The list is that of tests/python/test_sts_names.py: a name or a parameter of it that nothing
here uses is a failure, and so is a result of another type than sts gives. Run by python_package.py.

What it does not promise: that each pair of parameters works together, nor that a vdo volume can be
activated (user-mode Linux has none: the case vdo does that).
"""

import contextlib
import inspect
import os
import sys
import unittest

import bedplate
from bedplate.sts import dm, dmpd
from test_sts_names import FUNCTIONS, declared, rows

DISK0, DISK1 = os.environ['DISK0'], os.environ['DISK1']

# What bedplate.sts has beside the names of sts.
OURS = """
ThinPoolDevice parse_status(status) -> dict
ThinPoolDevice deactivate_thin(thin_id) -> bool
ThinPoolDevice set_transaction_id(old, new) -> bool
ThinPoolDevice reserve_metadata_snap() -> int|None
ThinPoolDevice release_metadata_snap() -> bool
ThinPoolDevice grow(size=None) -> bool
ThinDevice parse_status(status) -> dict
DelayDevice parse_status(status) -> dict
DmDevice status() -> list
DmDevice from_table(text) -> DmDevice
DmDevice udevcookies() -> list
"""
LISTED = [*rows(), *rows(OURS)]
TYPES = {'None': type(None), 'bool': bool, 'str': str, 'int': int, 'list': list, 'dict': dict,
         **{cls: getattr(dm, cls) for cls, _, _, _ in LISTED}}


class Watch:
    """Which rows were used by this file's own lines, and which results were not of their type."""

    def __init__(self):
        self.used = {}   # (class, name): parameters that were given
        self.good = set()  # those that once gave what is no failure
        self.wrong = []

    def note(self, row, bound, result):
        cls, name, _, results = row
        self.used.setdefault((cls, name), set()).update(bound)
        if type(result) not in [TYPES[one] for one in results] and not (
                isinstance(result, dm.DmDevice) and isinstance(result, tuple(TYPES[one] for one in results))):
            self.wrong.append(f'{cls}.{name}: {result!r} is no {"|".join(results)}')
        if results == ['None'] or result not in (None, False):
            self.good.add((cls, name))

    def wrapped(self, row):
        """The method of a row, that tells when it is called from this file."""
        raw = inspect.getattr_static(getattr(dm, row[0]), row[1])
        kind = type(raw) if isinstance(raw, (classmethod, staticmethod)) else lambda function: function
        inner = getattr(raw, '__func__', raw)
        signature = inspect.signature(inner)

        def call(*args, **kwargs):
            result = inner(*args, **kwargs)
            if sys._getframe(1).f_globals is globals():
                self.note(row, signature.bind(*args, **kwargs).arguments, result)
            return result
        call.__wrapped__ = getattr(inner, '__wrapped__', inner)  # some calls go on with that
        return kind(call)

    def reading(self, whole):
        """An object's __getattribute__, that tells which attributes are read from this file."""
        def read(this, name):
            value = whole(this, name)
            if sys._getframe(1).f_globals is globals() and value is not None:
                for cls in type(this).__mro__:
                    self.used.setdefault((cls.__name__, name), set())
                    self.good.add((cls.__name__, name))
            return value
        return read

    @contextlib.contextmanager
    def on(self):
        before = []
        made = [(getattr(dm, row[0]), row[1], self.wrapped(row)) for row in LISTED if row[2] is not None]
        made.append((dm.DmDevice, '__getattribute__', self.reading(dm.DmDevice.__getattribute__)))
        for cls, name, new in made:
            before.append((cls, name, vars(cls).get(name)))
            setattr(cls, name, new)
        try:
            yield
        finally:
            for cls, name, old in before:
                if old is None:
                    delattr(cls, name)
                else:
                    setattr(cls, name, old)

    def missing(self):
        for cls, name, parameters, _ in LISTED:
            given = self.used.get((cls, name))
            if given is None:
                yield f'{cls}.{name}: no run'
            elif (cls, name) not in self.good:
                yield f'{cls}.{name}: failed each time'
            for parameter in declared(parameters or '') if given is not None else ():
                if parameter.name not in given:
                    yield f'{cls}.{name}, {parameter.name}: no run'


class EveryRow(unittest.TestCase):
    def setUp(self):
        self.addCleanup(bedplate.remove_all, retry=True)

    def test_devices_and_attributes(self):
        watch = Watch()
        with watch.on():
            for run in (self.life, self.tables, self.names, self.lists, self.cookies, self.simple, self.delay,
                        self.cache, self.thin, self.vdo):
                with self.subTest(run=run.__name__):
                    run()
                    self.assertEqual(bedplate.devices(), [])
        self.assertEqual((watch.wrong, list(watch.missing())), ([], []))

    def life(self):
        zero = dm.ZeroDevice.create_config(start=0, size=2048)
        self.assertTrue(zero.create(dm_name='a', uuid='TEST-a', readonly=True, readahead=256, addnodeoncreate=True))
        self.assertEqual((zero.dm_name, zero.target_type, zero.type, zero.start, zero.size_sectors, zero.args),
                         ('a', 'zero', 'zero', 0, 2048, ''))
        self.assertEqual((zero.table, zero.is_created, zero.size), ('0 2048 zero', True, 1 << 20))
        self.assertEqual(zero.path, zero.dm_device_path)
        self.assertEqual(zero.path, f'{zero.device_root_dir}/a')
        self.assertEqual(zero.device_root_dir, zero.DM_DEV_PATH)
        self.assertEqual(zero.device_path, zero.DM_PATH / zero.name)
        self.assertEqual(zero.get_status(target_type='zero', noflush=True), '0 2048 zero')
        self.assertEqual(zero.get_status(target_type='linear'), '')
        self.assertEqual(zero.status()[0].target, 'zero')
        self.assertTrue(zero.suspend(nolockfs=True, noflush=True))
        self.assertTrue(zero.resume(addnodeoncreate=True, addnodeonresume=True, noflush=True, nolockfs=True,
                                    readahead='none'))
        self.assertEqual(zero.info()['State'], 'ACTIVE (READ-ONLY)')
        self.assertEqual(zero.info(columns=True, noheadings=True, fields=['name', 'uuid'], separator='|',
                                   sort_fields=['name'], nameprefixes=True), "DM_NAME='a'|DM_UUID='TEST-a'")
        self.assertTrue(zero.message(sector=0, message='@stats_list'))
        self.assertTrue(zero.remove(force=True, retry=True, deferred=True))
        self.assertFalse(zero.is_created)

    def tables(self):
        device = dm.DmDevice()
        self.assertTrue(device.create('t', notable=True, addnodeonresume=True))
        self.assertTrue(device.load(table='0 8 zero'))
        self.assertTrue(device.clear())
        with open('table', 'w', encoding='utf-8') as file:
            file.write(f'0 2048 linear {DISK0} 0\n2048 8 zero\n')
        self.assertTrue(device.load(table_file='table') and device.resume())
        number = bedplate.block_device(DISK0).devno
        self.assertEqual(device.get_table(), f'0 2048 linear {number} 0\n2048 8 zero')
        self.assertEqual(device.get_table(target_type='zero'), '2048 8 zero')
        self.assertEqual(device.get_table(concise=True, showkeys=True),
                         f't,,,rw,0 2048 linear {number} 0,2048 8 zero')
        self.assertEqual(device.deps(output_format='devno'), [number])
        self.assertIn('linear', device.measure())
        self.assertIsNone(device.refresh())
        self.assertTrue(device.reload_table(new_table=f'0 2048 linear {DISK0} 0'))
        self.assertTrue(device.setgeometry(cylinders=4, heads=8, sectors=64, start=0))
        self.assertTrue(device.mknodes())
        self.assertTrue(device.wipe_table(force=True, noflush=True, nolockfs=True))
        self.assertEqual(device.get_table(), '0 2048 error')
        self.assertTrue(device.remove())
        both = dm.DmDevice.from_table(text='0 8 zero\n8 8 error')
        self.assertEqual(str(both), '0 8 zero\n8 8 error')

    def names(self):
        self.assertTrue(dm.DmDevice.create_concise(concise_spec='vg-home--old,,,,0 8 zero;two words,,,,0 8 zero'))
        device = dm.DmDevice.get_by_name(dm_name='vg-home--old')
        self.assertEqual(device.splitname(subsystem='LVM'), {'VG': 'vg', 'LV': 'home-old', 'LVLayer': ''})
        self.assertTrue(device.set_uuid(uuid='TEST-b'))
        self.assertIs(device.set_uuid('TEST-c'), False)
        self.assertTrue(device.rename(new_name='b'))
        self.assertGreater(device.wait(event_nr=0, noflush=True), 0)  # to be renamed is an event
        words = dm.DmDevice.get_by_name('two words')
        self.assertTrue(words.mangle())  # it is, from the beginning
        self.assertEqual(words.path, r'/dev/mapper/two\x20words')
        self.assertTrue(device.remove() and words.remove())

    def lists(self):
        self.assertTrue(dm.DmDevice.create_concise('a,,,,0 8 zero;b,,,,0 8 error'))
        self.assertEqual(sorted(dm.DmDevice.ls(output_format='blkdevname', exec_cmd='true')), ['a', 'b'])
        self.assertEqual(dm.DmDevice.ls(target_type='zero'), ['a'])
        self.assertIn('b', dm.DmDevice.ls(tree=True, tree_options='ascii'))
        self.assertEqual(sorted(one.type for one in dm.DmDevice.get_all()), ['error', 'zero'])
        self.assertTrue(dm.DmDevice.mknodes_all())
        self.assertTrue(dm.DmDevice.remove_all(force=True, deferred=True))
        self.assertIn('driver_version', dm.DmDevice.version())
        self.assertIn('zero', [one['name'] for one in dm.DmDevice.targets()])
        self.assertIn('read_ahead', dm.DmDevice.help(columns=True))

    def cookies(self):
        kept, released = dm.DmDevice.udevcreatecookie(), dm.DmDevice.udevcreatecookie()
        self.assertTrue({kept, released} <= set(dm.DmDevice.udevcookie()))
        self.assertEqual(dm.DmDevice.udevcookies(), dm.DmDevice.udevcookie())
        self.assertEqual(dm.DmDevice.udevflags(cookie='0x00210000'),
                         {'DM_UDEV_DISABLE_DM_RULES_FLAG': '1', 'DM_UDEV_DISABLE_LIBRARY_FALLBACK_FLAG': '1'})
        self.assertTrue(dm.DmDevice.udevcomplete(cookie=kept))
        self.assertTrue(dm.DmDevice.udevreleasecookie(cookie=released))
        self.assertTrue(dm.DmDevice.udevcomplete_all(age=0))
        self.assertEqual(dm.DmDevice.udevcookie(), [])

    def come_and_go(self, name, *devices):
        for device in devices:
            self.assertTrue(device.create(name), device.last_error)
            self.assertTrue(device.remove())

    def simple(self):
        disk = dm.BlockDevice(DISK0)
        self.come_and_go(
            'simple', dm.ErrorDevice.create_config(start=0, size=8),
            dm.LinearDevice.from_block_device(device=disk, start=0, size_sectors=8, offset=8),
            dm.LinearDevice.create_positional(device_path=DISK0, offset=8, start=0, size_sectors=8),
            dm.FlakeyDevice.from_block_device(device=disk, up_interval=60, down_interval=0, offset=8, size_sectors=8,
                                              corrupt_bio_byte=(32, 'r', 1, 0), start=0, drop_writes=True),
            dm.FlakeyDevice.from_block_device(disk, 60, 1, error_writes=True))

    def delay(self):
        disk = dm.BlockDevice(DISK0)
        writes = {'write_device': disk, 'write_offset': 8, 'write_delay_ms': 1}
        made = [
            dm.DelayDevice.from_block_device(device=disk, delay_ms=1, start=0, size_sectors=8, offset=8),
            dm.DelayDevice.from_block_devices_rw(read_device=disk, read_offset=0, read_delay_ms=0, start=0, size=8,
                                                 **writes),
            dm.DelayDevice.from_block_devices_rwf(read_device=disk, read_offset=0, read_delay_ms=0, flush_device=disk,
                                                  flush_offset=16, flush_delay_ms=2, start=0, size=8, **writes),
            dm.DelayDevice.create_positional(
                device_path=DISK0, offset=0, delay_ms=0, start=0, size=8, write_device_path=DISK0, write_offset=8,
                write_delay_ms=1, flush_device_path=DISK0, flush_offset=16, flush_delay_ms=2)]
        self.assertEqual([one.arg_format for one in made], ['3', '6', '9', '9'])
        self.come_and_go('delay', *made[:2])
        device = made[3]
        self.assertTrue(device.create('delay'))
        number = bedplate.block_device(DISK0).devno
        self.assertEqual((device.read_device, device.read_offset, device.read_delay_ms), (number, 0, 0))
        self.assertEqual((device.write_device, device.write_offset, device.write_delay_ms), (number, 8, 1))
        self.assertEqual((device.flush_device, device.flush_offset, device.flush_delay_ms), (number, 16, 2))
        self.assertIsNone(device.refresh())
        self.assertEqual(str(dm.DelayDevice.from_table_line(line=device.table)), str(made[2]))
        self.assertIn('reads', dm.DelayDevice.parse_status(status=device.get_status()))
        self.assertTrue(device.remove())

    def cache(self):
        disk, origin = dm.BlockDevice(DISK0), dm.BlockDevice(DISK1)
        metadata = dm.LinearDevice.from_block_device(disk, size_sectors=8192)
        fast = dm.LinearDevice.from_block_device(disk, size_sectors=8192, offset=8192)
        self.assertTrue(metadata.create('metadata') and fast.create('fast'))
        with open(metadata.path, 'wb') as file:
            file.write(bytes(4096))
        devices = {'metadata_device': metadata, 'cache_device': fast, 'origin_device': origin}
        cache = dm.CacheDevice.from_block_devices(
            block_size_sectors=64, policy='smq', policy_args={}, start=0, size_sectors=16384, writethrough=True,
            metadata2=True, no_discard_passdown=True, **devices)
        self.assertTrue(cache.create('cache'), cache.last_error)
        status = dm.CacheDevice.parse_status(status=cache.get_status())
        self.assertEqual((status['total_cache_blocks'], status['io_mode']), (128, 'writethrough'))
        self.assertTrue(cache.remove())
        self.come_and_go('cache', dm.CacheDevice.from_block_devices(
            block_size_sectors=64, metadata2=True, size_sectors=16384, passthrough=True, **devices))
        self.assertTrue(fast.remove() and metadata.remove())

    def thin(self):
        disk = dm.BlockDevice(DISK0)
        data = dm.LinearDevice.from_block_device(dm.BlockDevice(DISK1), size_sectors=16384)
        self.assertTrue(data.create('data'))
        pool = dm.ThinPoolDevice.from_block_devices(
            metadata_device=disk, data_device=data, block_size_sectors=128, low_water_mark=1,
            features=['error_if_no_space'], start=0, size=16384)
        self.assertTrue(pool.create('pool', wipe=True), pool.last_error)
        thin = pool.create_thin(thin_id=0, size=2048, dm_name='thin', activate=True)
        self.assertIs(thin.pool, pool)
        self.assertEqual(thin.thin_id, 0)
        snap = pool.create_snapshot(origin_id=0, snap_id=1, dm_name='snap', size=2048, activate=True)
        self.assertEqual(dm.ThinDevice.parse_status(status=snap.get_status())['mapped_sectors'], 0)
        self.assertEqual(list(pool.thin_devices), [0, 1])
        self.assertTrue(pool.deactivate_thin(thin_id=1))
        self.come_and_go('snap', dm.ThinDevice.from_thin_pool(pool_device=pool, thin_id=1, start=0, size=2048),
                         dm.ThinDevice.create_from_pool(pool=pool, thin_id=1, size=2048, start=0))
        self.assertTrue(pool.delete_thin(thin_id=1, force=True))
        self.assertTrue(pool.set_transaction_id(old=0, new=1))
        self.assertIs(pool.set_transaction_id(0, 2), False)
        self.assertTrue(pool.reserve_metadata_snap() and pool.release_metadata_snap())
        self.assertTrue(data.reload_table(f'0 32768 linear {DISK1} 0') and pool.grow(size=32768))
        self.assertEqual(dm.ThinPoolDevice.parse_status(status=pool.get_status())['total_data_dblocks'], 256)
        self.assertTrue(pool.remove(force=True, retry=True, deferred=True) and data.remove())

    def vdo(self):
        threads = {'ack': 1, 'bio': 4, 'bioRotationInterval': 64, 'cpu': 1, 'hash': 1, 'logical': 1, 'physical': 1,
                   'maxDiscard': 1}
        vdo = dm.VdoDevice.from_block_device(
            device=dm.BlockDevice(DISK1), logical_size_sectors=2048, start=0, minimum_io_size=4096,
            block_map_cache_size_mb=128, block_map_period=16380, compression=True, deduplication=False, **threads)
        number = bedplate.block_device(DISK1).devno
        self.assertIsNone(vdo.refresh())
        self.assertEqual((vdo.vdo_version, vdo.storage_device, vdo.storage_size_blocks),
                         ('V4', number, os.path.getsize(DISK1) // 4096 or bedplate.block_device(DISK1).size // 4096))
        self.assertEqual((vdo.minimum_io_size, vdo.block_map_cache_blocks, vdo.block_map_period), (4096, 32768, 16380))
        self.assertEqual((vdo.ack, vdo.bio, vdo.bioRotationInterval, vdo.cpu, vdo.hash, vdo.logical, vdo.physical,
                          vdo.maxDiscard), tuple(threads.values()))
        self.assertEqual((vdo.deduplication, vdo.compression), (False, True))
        self.assertEqual(str(dm.VdoDevice.from_table_line(line=str(vdo))), str(vdo))
        plain = dm.VdoDevice.create_positional(
            device_path=DISK1, storage_size_blocks=4096, logical_size_sectors=2048, start=0, minimum_io_size=4096,
            block_map_cache_blocks=32768, block_map_period=16380, ack=2)
        self.assertEqual(plain.args, f'V4 {DISK1} 4096 4096 32768 16380 ack 2')
        self.assertEqual(dm.VdoDevice.parse_status(line='0 2048 vdo /dev/x normal - online online 3 9')
                         ['physical_blocks_used'], 3)

    def test_tools(self):
        """Each tool, on metadata that the kernel wrote or that another tool made of it."""
        pool = dm.ThinPoolDevice.from_block_devices(dm.BlockDevice(DISK0), dm.BlockDevice(DISK1), size=16384)
        self.assertTrue(pool.create('pool', wipe=True))
        self.assertTrue(pool.create_thin(0, 2048, 'thin') and pool.create_snapshot(0, 1, 'snap'))
        self.assertTrue(pool.remove())
        for name, text in CACHE_AND_ERA.items():
            with open(f'{name}.xml', 'w', encoding='utf-8') as file:
                file.write(text)
        for file in ('cache', 'era', 'copy', 'cache-copy', 'era-copy', 'repaired'):
            with open(file, 'wb') as made:
                made.truncate(4 << 20)
        self.assertEqual(list(TOOLS), [name for name in TOOLS if name in FUNCTIONS])
        self.assertEqual(set(FUNCTIONS) - set(TOOLS), set())
        for name, run in TOOLS.items():
            with self.subTest(tool=name):
                result = run(getattr(dmpd, name))
                self.assertIsInstance(result, dmpd.CommandResult)
                self.assertTrue(result.succeeded, result.stderr)


CACHE_AND_ERA = {
    'cache': '<superblock uuid="" block_size="64" nr_cache_blocks="8" policy="smq" hint_width="4">'
             '<mappings><mapping cache_block="0" origin_block="3" dirty="false"/></mappings>'
             '<hints></hints></superblock>',
    'era': '<superblock uuid="" block_size="64" nr_blocks="8" current_era="1"><era_array>'
           + ''.join(f'<era block="{n}" era="0"/>' for n in range(8)) + '</era_array></superblock>',
}
# In the order that each needs of those before.
TOOLS = {
    'thin_check': lambda f: f(DISK0, skip_mappings=True),
    'thin_ls': lambda f: f(DISK0, format='DEV,MAPPED', no_headers=True),
    'thin_delta': lambda f: f(DISK0, snap1=0, snap2=1, verbose=True),
    'thin_dump': lambda f: f(DISK0, output='thin.xml'),
    'thin_restore': lambda f: f(input='thin.xml', output='copy'),
    'thin_repair': lambda f: f(input='copy', output='repaired'),
    'thin_metadata_size': lambda f: f(block_size='64k', pool_size='1g', max_thins=10, numeric_only=True, unit='m'),
    'thin_trim': lambda f: f(metadata_dev=DISK0, data_dev=DISK1),
    'cache_restore': lambda f: f(input='cache.xml', output='cache'),
    'cache_check': lambda f: f('cache', super_block_only=True),
    'cache_dump': lambda f: f('cache', repair=True),
    'cache_repair': lambda f: f(input='cache', output='cache-copy'),
    'cache_metadata_size': lambda f: f(nr_blocks=1000),
    'era_restore': lambda f: f(input='era.xml', output='era'),
    'era_check': lambda f: f('era'),
    'era_dump': lambda f: f('era', logical=True),
    'era_repair': lambda f: f(input='era', output='era-copy'),
    'get_help': lambda f: f('thin_check'),
    'get_version': lambda f: f(tool_name='era_dump'),
}
