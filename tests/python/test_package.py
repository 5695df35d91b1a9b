# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package bedplate without a kernel: tables, status, errors, metadata, threads."""

import copy
import errno
import gc
import lzma
import os
import pickle
import re
import runpy
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import unittest

import bedplate
from bedplate.table import parse_status

DATA = os.environ['DATA']


class Images(unittest.TestCase):
    """Gives images of tests/data, unpacked."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def image(self, name):
        path = os.path.join(self.folder, name)
        with lzma.open(os.path.join(DATA, name + '.img.xz')) as packed, open(path, 'wb') as out:
            out.write(packed.read())
        return path


class Tables(unittest.TestCase):
    def test_parse_and_print(self):
        table = bedplate.Table('0 8 linear 8:16 0\n8 8 zero')
        self.assertEqual(str(table), '0 8 linear 8:16 0\n8 8 zero\n')
        self.assertEqual(len(table), 2)
        self.assertEqual(table.length, 16 * 512)
        self.assertEqual(table[0].params, {'dev': '8:16', 'offset_sectors': 0})
        self.assertEqual([segment.start for segment in table], [0, 4096])

    def test_build(self):
        table = bedplate.Table().append('linear', 4096, dev='8:16', offset_bytes=1 << 20)
        table.append('flakey', 8192, dev='8:32', offset_sectors=0, up_seconds=5,
                     down_seconds=1, drop_writes=True, corrupt_bio_byte=(32, 'r', 1, 0))
        self.assertEqual(str(table), '0 8 linear 8:16 2048\n8 16 flakey 8:32 0 5 1 6 drop_writes '
                                     'corrupt_bio_byte 32 r 1 0\n')

    def test_build_fails_whole(self):
        table = bedplate.Table('0 8 zero')
        for params in ({}, {'dev': '8:16', 'nonsense': 1}, {'dev': '8:16', 'offset_bytes': 5}):
            with self.assertRaises(ValueError):
                table.append('linear', 4096, **params)
        for length in (1, -512):
            with self.assertRaises(ValueError):
                table.append('zero', length)
        with self.assertRaises(TypeError):
            table.append('zero', 512.0)
        self.assertEqual(str(table), '0 8 zero\n')

    def test_unknown_target(self):
        table = bedplate.Table().append_line('newer', 4096, 'some words')
        self.assertEqual(str(table), '0 8 newer some words\n')
        self.assertIsNone(table[0].params)

    def test_equal(self):
        self.assertEqual(bedplate.Table('0 8 cache 8:0 8:1 8:2 512 0 default 0'),
                         bedplate.Table('0  8 cache 8:0 8:1 8:2 512 1 writeback default 0'))
        self.assertNotEqual(bedplate.Table('0 8 zero'), bedplate.Table('0 8 error'))
        with self.assertRaises(TypeError):
            hash(bedplate.Table())

    def test_copy(self):
        table = bedplate.Table('0 8 linear 8:16 0')
        for again in (copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
            self.assertIsNot(again, table)
            self.assertEqual(again, table)

    def test_check(self):
        found = bedplate.Table('0 8 flakey 8:0 0 0 0').check()
        self.assertIn('refused', {finding['severity'] for finding in found})

    def test_explain(self):
        words = bedplate.Table('0 8 linear 8:16 5').explain()
        self.assertEqual([(w['name'], w['public_text']) for w in words],
                         [('dev', '8:16'), ('offset_sectors', '5')])

    def test_odd_bytes(self):
        name = os.fsdecode(b'/dev/\xff')
        self.assertEqual(bedplate.Table(f'0 8 linear {name} 0').segments()[0]['args'],
                         f'{name} 0')
        with self.assertRaises(ValueError):
            bedplate.Table('0 8 zero\0')

    def test_options(self):
        self.assertIn('offset_sectors', [option['name'] for option in bedplate.options('linear')])
        self.assertIn('thin-pool', bedplate.targets())
        with self.assertRaises(KeyError):
            bedplate.options('nonsense')


class Place(unittest.TestCase):
    DEBIAN = ['/usr/local/lib/python3.11/dist-packages', '/usr/lib/python3/dist-packages', '/usr/lib/python3.11/dist-packages']

    def test_where_the_interpreter_looks(self):
        place = runpy.run_path(os.path.join(os.environ['DATA'], '../../python/place.py'))['place']
        for prefix, mesons, places, expected in (
                ('/usr', 'lib/python3/dist-packages/', self.DEBIAN, ('/usr/lib/python3/dist-packages', True)),
                ('/usr', '/usr/lib/python3/dist-packages', self.DEBIAN, ('/usr/lib/python3/dist-packages', True)),
                ('/usr/local', 'lib/python3/dist-packages', self.DEBIAN, (self.DEBIAN[0], True)),
                ('/opt/x', 'lib/python3/dist-packages', self.DEBIAN, ('/opt/x/lib/python3/dist-packages', False)),
                ('/usr', 'lib/python3.13/site-packages', ['/usr/lib64/python3.13/site-packages', '/usr/lib/python3.13/site-packages'],
                 ('/usr/lib/python3.13/site-packages', True))):
            self.assertEqual(place(prefix, mesons, places), expected)


class Errors(unittest.TestCase):
    def test_table(self):
        with self.assertRaises(bedplate.TableError) as caught:
            bedplate.Table('0 8 zero\n8 8 linear 8:16 -1')
        error = caught.exception
        self.assertEqual((error.code, error.errno, error.segment, error.target, error.argument,
                          error.argument_name, error.value),
                         ('BP_E_TABLE', errno.EINVAL, 1, 'linear', 2, 'offset_sectors', '-1'))
        self.assertIsInstance(error, ValueError)
        self.assertIsInstance(error, OSError)
        self.assertEqual(error.kernel_lines, [])
        self.assertIn("'-1'", str(error))

    def test_classes(self):
        with self.assertRaises(FileNotFoundError) as caught:
            bedplate.thin_check('/nonexistent/metadata')
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        with self.assertRaises(bedplate.Error):
            bedplate.block_device('/dev/null')
        with self.assertRaises(bedplate.Invalid) as caught:
            bedplate.context().name_mangle('a/b')
        self.assertEqual(caught.exception.code, 'BP_E_NAME')

    def test_not_of_an_earlier_call(self):
        with self.assertRaises(bedplate.Error):
            bedplate.Table('nonsense')
        with self.assertRaises(bedplate.Error) as caught:
            bedplate.thin_check('/nonexistent/metadata')
        self.assertIn('/nonexistent/metadata', str(caught.exception))

    def test_pickle(self):
        try:
            bedplate.Table('0 8 linear 8:16 -1')
        except bedplate.Error as error:
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again), again.argument),
                             (type(error), str(error), error.argument))

    def test_arguments(self):
        with self.assertRaises(TypeError):
            bedplate.context().device_info(5)
        with self.assertRaises(ValueError):
            bedplate.context().device_info(('nonsense', 'x'))
        with self.assertRaises(ValueError):
            bedplate.Device('a\0b').info()
        with self.assertRaises(TypeError):
            bedplate.Device()


class Arguments(unittest.TestCase):
    """What the library can't take is an exception, in each method of the extension: no crash, nothing cut off."""

    HOSTILE = (None, -1, 1 << 70, 1 << 32, 1.5, True, 'a\0b', '\udcff', b'\xff', [], (), ('name',), ('name', None),
               (1 << 40, 5), (-1, 5), (1.5, 5), (1, 2, 3), object())

    def call(self, method, args):
        try:
            method(*args)
        except (TypeError, ValueError, OSError, RuntimeError):
            pass

    def test_hostile(self):
        context = bedplate.Context()
        changing = {'cookie_create', 'cookie_complete', 'cookie_destroy_old', 'remove_all'}
        names = [name for name in dir(context) if not name.startswith('_') and name not in changing]
        self.assertGreater(len(names), 60)
        for name in names:
            for count in range(1, 6):
                for place in range(count):
                    for value in self.HOSTILE:
                        args = ['/nonexistent'] * count
                        args[place] = value
                        self.call(getattr(context, name), args)
                        self.call(getattr(context, name), [value] * count)

    def test_numbers(self):
        table, context = bedplate.Table(), bedplate.context()
        for wrong in (-1, 1 << 64, -1 << 70):
            with self.assertRaisesRegex(ValueError, 'is not a number from 0 to 2'):
                table.add(wrong, 8, 'zero', '')
        for wrong in (True, 1.0, '1', None):
            with self.assertRaisesRegex(TypeError, 'an int is needed, not'):
                table.add(wrong, 8, 'zero', '')
        for call in (lambda: context.udev_flags(1 << 32), lambda: context.thin_check('/x', flags=1 << 32),
                     lambda: context.pool_delete('x', 1, 1 << 63), lambda: context.device_info((1 << 32, 0))):
            with self.assertRaisesRegex(ValueError, 'is not a number from'):
                call()

    def test_words(self):
        for wrong in (None, 5, True):
            for call in (bedplate.explain, bedplate.block_device, bedplate.Device, bedplate.thin_check,
                         lambda what: bedplate.Device('x').message(what)):
                with self.assertRaises(TypeError):
                    call(wrong)
        with self.assertRaisesRegex(ValueError, "udev: 'some' is none of public, private, none"):
            bedplate.Device.create('x', '0 8 zero', udev='some')
        with self.assertRaisesRegex(ValueError, 'discard: '):
            bedplate.Pool.create('x', '/dev/a', '/dev/b', discard='some')
        with self.assertRaisesRegex(ValueError, 'size: 0 bytes'):
            bedplate.Pool.create('x', '/dev/a', '/dev/b', size=0)
        for wrong in (-1, float('nan')):
            with self.assertRaisesRegex(ValueError, 'no number of seconds'):
                bedplate.Device('x').wait(0, timeout=wrong)
        for wrong in (True, '5'):
            with self.assertRaisesRegex(TypeError, 'timeout: '):
                bedplate.Device('x').remove(timeout=wrong)


class Extension(unittest.TestCase):
    def test_interpreters(self):
        try:
            import _xxsubinterpreters as interpreters  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest('this Python has none')
        other = interpreters.create()
        self.addCleanup(interpreters.destroy, other)
        code = f'import sys; sys.path[:0] = {sys.path!r}; import bedplate'
        with self.assertRaisesRegex(interpreters.RunFailedError, 'main interpreter only'):
            interpreters.run_string(other, code)

    def test_again(self):
        code = ('import sys, bedplate\nfor name in [n for n in sys.modules if n.startswith("bedplate")]:\n'
                '    del sys.modules[name]\nimport bedplate\nassert len(bedplate.Table("0 8 zero")) == 1\n')
        subprocess.run([sys.executable, '-X', 'dev', '-c', code], check=True)

    def test_cycle(self):
        """A scope's context may know the scope: the collector sees through both."""
        self.assertTrue(gc.is_tracked(bedplate.Context()))
        self.assertTrue(bedplate._bedplate.Scope.__flags__ & 1 << 14)  # Py_TPFLAGS_HAVE_GC

    def test_no_growth(self):
        """No reference is kept by what fails, nor by what works."""
        def work():
            for text in ('0 8 zero', '0 8 linear 8:16 0', 'nonsense', None, 5):
                try:
                    table = bedplate.Table(text)
                    table.explain(), table.check(), list(table), str(table), table == bedplate.Table(text)
                    table.set(0, 'dev', '8:1')
                except (TypeError, ValueError, IndexError):
                    pass
            self.call_failing()

        work()
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(200):
            work()
        gc.collect()
        self.assertLess(sys.getallocatedblocks() - before, 200)

    def call_failing(self):
        for call in (lambda: bedplate.thin_check('/nonexistent'), lambda: bedplate.thin_ls('/nonexistent'),
                     lambda: bedplate.explain(None), lambda: bedplate.context().device_info(('name', 5))):
            try:
                call()
            except (TypeError, OSError):
                pass

    def test_stable_abi(self):
        """Each of Python's symbols that the extension needs is one that its headers have for the oldest
        Python we promise (3.10)."""
        nm, cc = shutil.which('nm'), shutil.which('cc')
        header = os.path.join(sysconfig.get_path('include'), 'Python.h')
        if not nm or not cc or not os.path.exists(header):
            self.skipTest('no nm, cc or Python.h')
        found = subprocess.run([nm, '-D', '--undefined-only', bedplate._bedplate.__file__], check=True,
                               capture_output=True, text=True).stdout
        needed = set(re.findall(r'(?m)^ +U (_?Py\w+)', found))
        self.assertGreater(len(needed), 30)
        text = subprocess.run([cc, '-E', '-DPY_SSIZE_T_CLEAN', '-DPy_LIMITED_API=0x030a0000',
                               f'-I{os.path.dirname(header)}', header],
                              check=True, capture_output=True, text=True).stdout
        self.assertEqual(needed - set(re.findall(r'\b_?Py\w+', text)), set())


class Status(unittest.TestCase):
    def test_values(self):
        found = parse_status('thin-pool', '0 12/1024 3/8192 - rw discard_passdown '
                                          'queue_if_no_space - 1024')
        self.assertEqual(found.values['used_data_dblocks'], 3)
        self.assertIs(found.values['needs_check'], False)

    def test_states(self):
        self.assertEqual(parse_status('thin-pool', 'Fail').state, 'Fail')
        found = parse_status('thin-pool', 'what is this')
        self.assertIsNone(found.values)
        self.assertTrue(found.problem)

    def test_explain(self):
        found = bedplate.explain('device-mapper: table: 254:0: linear: Invalid device sector')
        self.assertEqual(found[0]['target'], 'linear')
        self.assertEqual(bedplate.explain('nothing of ours'), [])


class Metadata(Images):
    def test_clean(self):
        stages = []
        found = bedplate.thin_check(self.image('thin-small'),
                                    progress=lambda stage, done, total: stages.append(stage))
        self.assertTrue(found)
        self.assertEqual(found.damages, ())
        self.assertGreater(found.numbers['nr_mappings'], 0)
        self.assertEqual(found.superblock['version'], 2)
        self.assertIn('mappings', stages)

    def test_damaged(self):
        found = bedplate.thin_check(self.image('thin-leaf-csum'))
        self.assertFalse(found)
        self.assertGreater(found.nr_fatal, 0)
        self.assertIn('checksum', [damage.kind for damage in found.damages])
        self.assertTrue(all(damage.what for damage in found.damages))

    def test_repair(self):
        path = self.image('thin-data-leak')
        self.assertFalse(bedplate.thin_check(path))
        self.assertTrue(bedplate.thin_check(path, repair=True))
        self.assertTrue(bedplate.thin_check(path))

    def test_others(self):
        self.assertTrue(bedplate.cache_check(self.image('cache-v2-writethrough')))
        self.assertFalse(bedplate.cache_check(self.image('cache-dup-oblock')))
        self.assertTrue(bedplate.era_check(self.image('era-several')))
        self.assertIsNone(bedplate.era_check(self.image('era-sb-csum')).superblock)

    def test_callbacks(self):
        path = self.image('thin-small')
        with self.assertRaises(ZeroDivisionError):
            bedplate.thin_check(path, progress=lambda *_: 1 / 0)
        with self.assertRaises(bedplate.Canceled):
            bedplate.thin_check(path, progress=lambda *_: True)
        with self.assertRaises(RuntimeError):
            bedplate.thin_check(path, progress=lambda *_: bedplate.thin_ls(path))
        self.assertTrue(bedplate.thin_check(path))

    def test_dump_and_restore(self):
        path = self.image('thin-small')
        xml, copy = os.path.join(self.folder, 'xml'), os.path.join(self.folder, 'copy')
        self.assertTrue(bedplate.thin_dump(path, xml))
        with open(copy, 'wb') as out:
            out.truncate(4 << 20)
        bedplate.thin_restore(xml, copy)
        self.assertEqual(bedplate.thin_ls(copy), bedplate.thin_ls(path))
        with self.assertRaises(bedplate.Error):
            bedplate.thin_dump(path, path)
        self.assertTrue(bedplate.thin_check(path))

    def test_signals(self):
        """A handler's exception ends a long call at its next step, and is what is raised."""
        path, xml = self.image('thin-small'), os.path.join(self.folder, 'xml')

        def stop(*_):
            os.kill(os.getpid(), signal.SIGINT)

        bedplate.thin_dump(path, xml)
        for call in (lambda: bedplate.thin_check(path, progress=stop),
                     lambda: bedplate.thin_dump(path, xml, progress=stop),
                     lambda: bedplate.thin_restore(xml, path, progress=stop)):
            with self.assertRaises(KeyboardInterrupt):
                call()

    def test_size(self):
        self.assertEqual(bedplate.thin_metadata_size(65536, 1 << 40, 100) % 4096, 0)
        with self.assertRaises(ValueError):
            bedplate.thin_metadata_size(5, 1 << 40, 100)

    def test_threads(self):
        path, shared, bad = self.image('thin-small'), bedplate.Context(), []

        def work(context):
            for _ in range(10):
                if context.thin_check(path)['nr_fatal']:
                    bad.append('fatal')
                try:
                    context.thin_check('/nonexistent/metadata')
                except FileNotFoundError as error:
                    if '/nonexistent/metadata' not in str(error):
                        bad.append(str(error))

        threads = [threading.Thread(target=work, args=[shared]) for _ in range(4)]
        threads += [threading.Thread(target=lambda: work(bedplate.context())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(bad, [])

    def test_no_leaked_files(self):
        def opened():
            gc.collect()
            return len(os.listdir('/proc/self/fd'))
        path = self.image('thin-small')
        bedplate.thin_check(path)
        before = opened()
        for _ in range(20):
            context = bedplate.Context()
            context.thin_check(path)
            context.thin_ls(path)
        del context
        self.assertEqual(opened(), before)


if __name__ == '__main__':
    unittest.main()
