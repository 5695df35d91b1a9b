# SPDX-License-Identifier: LGPL-2.1-or-later
"""bedplate.sts without a kernel: builders, parsers, tools, and how calls fail."""

import logging
import os
import shlex
import unittest

import bedplate
from bedplate import sts
from bedplate.sts import dmpd
from bedplate.sts.dm import (BlockDevice, CacheDevice, DelayDevice, DmDevice, ErrorDevice,
                             FlakeyDevice, LinearDevice, ThinDevice, ThinPoolDevice, VdoDevice,
                             ZeroDevice)
from test_package import Images


def disk(device_id='8:16', size=1 << 20, sector_size=512):
    """A block device that need not be there."""
    return BlockDevice('/dev/disk', size=size, sector_size=sector_size, device_id=device_id)


class Builders(unittest.TestCase):
    def lines(self, *pairs):
        for device, line in pairs:
            self.assertEqual(str(device), line)

    def test_linear(self):
        self.lines(
            (LinearDevice.from_block_device(disk()), '0 2048 linear 8:16 0'),
            (LinearDevice.from_block_device(disk(), offset=8), '0 2040 linear 8:16 8'),
            (LinearDevice.from_block_device(disk(sector_size=4096)), '0 2048 linear 8:16 0'),
            (LinearDevice.create_positional('/dev/sdb', 5, 0, 10), '0 10 linear /dev/sdb 5'),
            (LinearDevice(0, 1000000, '8:16 0'), '0 1000000 linear 8:16 0'))
        for wrong in ({'offset': 2048}, {'offset': -1}, {'size_sectors': 0}):
            with self.assertRaises(ValueError):
                LinearDevice.from_block_device(disk(), **wrong)
        with self.assertRaises(ValueError):
            LinearDevice.create_positional('/dev/sdb')

    def test_delay(self):
        self.lines(
            (DelayDevice.from_block_device(disk(), 100, offset=8), '0 2040 delay 8:16 8 100'),
            (DelayDevice.from_block_devices_rw(disk(), 0, 1, disk('8:32', 512 << 10), 24, 2),
             '0 1000 delay 8:16 0 1 8:32 24 2'),
            (DelayDevice.from_block_devices_rwf(disk(), 0, 1, disk(), 0, 2, disk(), 0, 3,
                                                size=8),
             '0 8 delay 8:16 0 1 8:16 0 2 8:16 0 3'),
            (DelayDevice.create_positional('/dev/sdb', 0, 5, size=8, write_device_path='/dev/sdc',
                                           write_offset=0, write_delay_ms=7),
             '0 8 delay /dev/sdb 0 5 /dev/sdc 0 7'))
        for wrong in ({}, {'size': 8, 'write_offset': 0}, {'size': 8, 'write_device_path': 'x'},
                      {'size': 8, 'flush_device_path': 'x', 'flush_offset': 0,
                       'flush_delay_ms': 0}):
            with self.assertRaises(ValueError):
                DelayDevice.create_positional('/dev/sdb', 0, 5, **wrong)
        with self.assertRaises(ValueError):
            DelayDevice.from_block_device(disk(), -1)

    def test_delay_attributes(self):
        device = DelayDevice.from_table_line('0 2048 delay 8:0 0 500 8:1 8 100')
        self.assertEqual((device.arg_format, device.read_delay_ms, device.write_device,
                          device.write_offset, device.flush_device), ('6', 500, '8:1', 8, None))
        device.args = '8:0 0 5'
        self.assertIsNone(device.refresh())
        self.assertEqual((device.arg_format, device.read_delay_ms, device.write_device),
                         ('3', 5, None))
        device.args = '8:0 0 5 8:1'
        device.refresh()
        self.assertIsNone(device.arg_format)

    def test_table_lines(self):
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.assertIsNone(DelayDevice.from_table_line('0 8 linear 8:0 0'))
        self.assertIsNone(DelayDevice.from_table_line('0 8'))
        self.assertEqual(str(VdoDevice.from_table_line('x: 0 8 vdo V4 8:0 9 4096 32768 16380')),
                         '0 8 vdo V4 8:0 9 4096 32768 16380')
        for line in ('0 x delay 8:0 0 1', '0 8 delay 8:0 0 x'):
            with self.assertRaises(ValueError):
                DelayDevice.from_table_line(line)

    def test_zero_and_error(self):
        self.lines((ZeroDevice.create_config(size=8), '0 8 zero'),
                   (ErrorDevice.create_config(0, 8), '0 8 error'))
        for size in (None, 0, -1):
            with self.assertRaises(ValueError):
                ZeroDevice.create_config(size=size)

    def test_flakey(self):
        self.lines(
            (FlakeyDevice.from_block_device(disk(), 5, 1), '0 2048 flakey 8:16 0 5 1'),
            (FlakeyDevice.from_block_device(disk(), 5, 1, corrupt_bio_byte=(32, 'r', 1, 0),
                                            drop_writes=True),
             '0 2048 flakey 8:16 0 5 1 6 drop_writes corrupt_bio_byte 32 r 1 0'),
            (FlakeyDevice.from_block_device(disk(), 5, 1, error_writes=True, size_sectors=8),
             '0 8 flakey 8:16 0 5 1 1 error_writes'))
        with self.assertRaises(ValueError):
            FlakeyDevice.from_block_device(disk(), 5, 1, corrupt_bio_byte=(32, 'x', 1, 0))

    def test_cache(self):
        three = [disk('8:1'), disk('8:2'), disk('8:3', 1 << 30, 4096)]
        self.lines(
            (CacheDevice.from_block_devices(*three),
             '0 2097152 cache 8:1 8:2 8:3 512 0 default 0'),
            (CacheDevice.from_block_devices(*three, policy='smq', writethrough=True,
                                            metadata2=True, policy_args={'a': 1},
                                            size_sectors=8),
             '0 8 cache 8:1 8:2 8:3 512 2 writethrough metadata2 smq 2 a 1'))
        with self.assertRaises(ValueError):
            CacheDevice.from_block_devices(*three, writethrough=True, passthrough=True)

    def test_thin(self):
        pool = ThinPoolDevice.from_block_devices(disk('8:1'), disk('8:2'), low_water_mark=100)
        self.assertEqual(str(pool).split()[2:7], ['thin-pool', '8:1', '8:2', '128', '100'])
        self.assertNotIn('skip_block_zeroing', str(pool))
        self.assertEqual(pool.thin_devices, {})
        self.assertIn('skip_block_zeroing', str(ThinPoolDevice.from_block_devices(
            disk('8:1'), disk('8:2'), features=['skip_block_zeroing'])))
        with self.assertRaises(ValueError):
            ThinPoolDevice.from_block_devices(disk(), disk(), features=['nonsense'])
        with self.assertRaisesRegex(ValueError, 'Size must be specified'):
            ThinDevice.from_thin_pool(pool, 0)
        thin = ThinDevice.create_from_pool(disk('254:0'), 7, 2048)
        self.assertEqual((str(thin), thin.thin_id), ('0 2048 thin 254:0 7', 7))
        with self.assertRaises(ValueError):
            ThinDevice.create_from_pool(disk(), 1 << 24, 2048)

    def test_vdo(self):
        device = VdoDevice.from_block_device(disk(size=1 << 30), 2097152, compression=True,
                                             bio=4, ack=1, deduplication=True)
        self.assertEqual(str(device), '0 2097152 vdo V4 8:16 262144 4096 32768 16380 ack 1 bio 4 '
                                      'compression on')
        self.assertEqual((device.bio, device.cpu, device.compression, device.deduplication),
                         (4, None, True, True))
        device = VdoDevice.create_positional('/dev/sdb', 9, 8, compression='on', ack=2)
        self.assertTrue(str(device).endswith(' 16380 compression on ack 2'))
        for wrong in ({'bogus': 1}, {'ack': True}, {'compression': 'maybe'}):
            with self.assertRaises(ValueError):
                VdoDevice.create_positional('/dev/sdb', 9, 8, **wrong)
            with self.assertRaises(ValueError):
                VdoDevice.from_block_device(disk(), 8, **wrong)

    def test_several_segments(self):
        device = DmDevice.from_table('0 8 zero\n8 8 error')
        self.assertEqual(str(device), '0 8 zero\n8 8 error')
        self.assertEqual((device.size_sectors, device.size), (16, 8192))


class Parsers(unittest.TestCase):
    def test_cache(self):
        line = ('0 524288 cache 8 13/65536 512 3/1024 1 20 2 4 5 6 7 1 writeback 2 '
                'migration_threshold 2048 smq 0 rw -')
        found = CacheDevice.parse_status(line)
        wanted = {'metadata_block_size': 8, 'used_metadata_blocks': 13,
                  'total_metadata_blocks': 65536, 'cache_block_size': 512,
                  'used_cache_blocks': 3, 'total_cache_blocks': 1024, 'read_hits': 1,
                  'read_misses': 20, 'write_hits': 2, 'write_misses': 4, 'demotions': 5,
                  'promotions': 6, 'dirty': 7, 'policy': 'smq', 'needs_check': False}
        self.assertEqual({name: found[name] for name in wanted}, wanted)
        self.assertEqual(CacheDevice.parse_status(line.split(None, 3)[3]), found)
        self.assertEqual(CacheDevice.parse_status('0 8 cache Fail'), {'state': 'Fail'})

    def test_vdo(self):
        found = VdoDevice.parse_status('0 8 vdo /dev/loop0 normal - online offline 5 9')
        self.assertEqual(found, {
            'start': 0, 'size': 8, 'device': '/dev/loop0', 'operating_mode': 'normal',
            'in_recovery': '-', 'index_state': 'online', 'compression_state': 'offline',
            'physical_blocks_used': 5, 'total_physical_blocks': 9})
        with self.assertLogs('bedplate.sts', 'WARNING'):
            self.assertEqual(VdoDevice.parse_status('0 8 vdo x'), {})

    def test_others(self):
        self.assertEqual(ThinPoolDevice.parse_status(
            '0 8 thin-pool 1 2/3 4/5 - rw discard_passdown queue_if_no_space - 1024')[
                'transaction_id'], 1)
        self.assertEqual(ThinDevice.parse_status('0 8 thin 128 127')['mapped_sectors'], 128)
        self.assertTrue(DelayDevice.parse_status('0 8 delay 1 2 3'))

    def test_cookies(self):
        self.assertEqual(DmDevice.udevflags(str(1 << 16 | 1 << 23 | 1 << 24)), {
            'DM_UDEV_DISABLE_DM_RULES_FLAG': '1', 'DM_UDEV_FLAG7': '1',
            'DM_SUBSYSTEM_UDEV_FLAG0': '1'})


class Failing(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.ERROR)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_not_created(self):
        device = ZeroDevice.create_config(size=8)
        self.assertIs(device.suspend(), False)
        self.assertIs(device.remove(), False)
        self.assertIsNone(device.get_status())
        self.assertIsNone(device.info())
        self.assertIsInstance(device.last_error, bedplate.NoDevice)
        self.assertIs(sts.last_error(), device.last_error)
        for call in (device.deps, lambda: device.device_path):
            with self.assertRaises(sts.DeviceNotFoundError):
                call()
        self.assertIsNone(device.path)
        self.assertFalse(device.is_created)

    def test_raised(self):
        device = ZeroDevice.create_config(size=8)
        with sts.strict():
            with self.assertRaises(bedplate.Error):
                device.suspend()
        self.assertIs(device.suspend(), False)

    def test_mistakes(self):
        device = ZeroDevice.create_config(size=8)
        with self.assertRaises(ValueError):
            device.load()
        with self.assertRaises(ValueError):
            DmDevice.get_by_name('')
        self.assertIs(device.create('x', addnodeoncreate=True, addnodeonresume=True), False)
        self.assertIs(DmDevice.udevcomplete('nonsense'), False)


class Tools(Images):
    def test_check(self):
        good = dmpd.thin_check(self.image('thin-small'), skip_mappings=True)
        self.assertTrue(good.succeeded)
        self.assertEqual((good.rc, good.failed), (0, False))
        bad = dmpd.ThinCheck.run(self.image('thin-leaf-csum'))
        self.assertEqual((bad.exit_status, bad.succeeded), (1, False))
        self.assertTrue(bad.stderr)

    def test_options(self):
        build = dmpd.DmpdTool._build_command
        self.assertEqual(build('thin_check', '/a b', skip_mappings=True, quiet=False, x=None,
                               n=[1, 2]),
                         "thin_check --skip-mappings -n 1 -n 2 '/a b'")
        self.assertEqual(shlex.split(build('thin_dump', '; rm -rf x', format="x'y")),
                         ['thin_dump', "--format=x'y", '; rm -rf x'])

    def test_no_shell(self):
        marker = os.path.join(self.folder, 'marker')
        for path in (f'; touch {marker}', f'$(touch {marker})', f'`touch {marker}`'):
            self.assertTrue(dmpd.thin_check(path).failed)
        self.assertFalse(os.path.exists(marker))

    def test_dump_restore(self):
        path = self.image('thin-small')
        xml, copy = os.path.join(self.folder, 'xml'), os.path.join(self.folder, 'copy')
        self.assertTrue(dmpd.thin_dump(path, output=xml).succeeded)
        with open(copy, 'wb') as out:
            out.truncate(4 << 20)
        self.assertTrue(dmpd.thin_restore(input=xml, output=copy).succeeded)
        self.assertEqual(dmpd.thin_ls(copy).stdout, dmpd.thin_ls(path).stdout)
        repaired = os.path.join(self.folder, 'repaired')
        with open(repaired, 'wb') as out:
            out.truncate(4 << 20)
        self.assertTrue(dmpd.thin_repair(input=path, output=repaired).succeeded)

    def test_every_tool(self):
        for name in dmpd.TOOLS:
            with self.subTest(tool=name):
                self.assertTrue(dmpd.get_version(name).succeeded)
                self.assertIn(name, dmpd.get_help(name).stdout)
                self.assertTrue(callable(getattr(dmpd, name)))
        with self.assertRaises(ValueError):
            dmpd.get_help('sh; true')

    def test_missing_program(self):
        before = os.environ['BEDPLATE']
        self.addCleanup(os.environ.__setitem__, 'BEDPLATE', before)
        os.environ['BEDPLATE'] = '/nonexistent/bedplate'
        self.assertEqual(dmpd.thin_check('x').rc, 126)


if __name__ == '__main__':
    unittest.main()
