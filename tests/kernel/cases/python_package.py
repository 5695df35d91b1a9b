# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package bedplate on a kernel: the examples of its pages; devices, pools, errors with the
kernel's lines, no leaks. Run by python_sts.sh."""

import os
import re
import signal
import subprocess
import threading
import time
import unittest

import bedplate
from bedplate.sts.dm import DmDevice, ThinPoolDevice
from python_rows import EveryRow  # pylint: disable=unused-import # its tests are run with these

DISK0, DISK1 = os.environ['DISK0'], os.environ['DISK1']
ZERO = '0 2048 zero'
PYTEST = '/usr/bin/python3'  # Debian's, which python3-pytest is for


def gone(device):
    """The kernel's own worker does deferred removals."""
    for _ in range(100):
        if not device.exists():
            return True
        time.sleep(0.05)
    return False


class NothingLeft(unittest.TestCase):
    def tearDown(self):
        left = [device.name for device in bedplate.devices()]
        bedplate.remove_all(retry=True)
        self.assertEqual(left, [])


class Examples(NothingLeft):
    def run_page(self, page, least):
        with open(os.path.join(os.environ['PAGES'], page), encoding='utf-8') as file:
            blocks = re.findall(r'^```python\n(.*?)^```$', file.read(), re.M | re.S)
        self.assertGreaterEqual(len(blocks), least)
        for block in blocks:
            block = block.replace('/dev/sdb', DISK0).replace('/dev/sdc', DISK1)
            with self.subTest(example=block):
                exec(compile(block, page, 'exec'), {'__name__': 'example'})
                self.assertEqual(bedplate.devices(), [])

    def test_coming_from_sts(self):
        self.run_page('coming-from-sts.md', 8)

    def test_python(self):
        self.run_page('python.md', 4)

    def test_readme(self):
        self.run_page('../README.md', 1)


FIXTURE_TESTS = """
import time
import bedplate
import pytest

pytest_plugins = ['bedplate.fixtures']

def test_pool(dm_pool, dm_device):
    pool = dm_pool(data=16 << 20)
    volume = pool.create_volume('fixture-volume', 1 << 20)
    pool.snapshot('fixture-snapshot', volume)
    dm_device('0 8 zero').suspend()
    assert len(bedplate.devices()) == 4

def test_gone(dm_scope):
    assert bedplate.devices() == []

def test_failing(dm_device):
    dm_device('0 8 zero')
    assert False

HELD = []

def test_held(dm_pool, dm_device):
    HELD.append(open(dm_pool(data=16 << 20).create_volume('held', 1 << 20).path, 'rb', buffering=0))
    dm_device('0 8 zero').suspend()

def test_after_held(dm_pool):
    with pytest.raises(OSError):
        HELD[0].read(512)
    assert [device.name for device in bedplate.devices()] == ['held']
    dm_pool(data=16 << 20)
    HELD.pop().close()
    for _ in range(100): # the kernel's own worker does deferred removals
        if not bedplate.Device('held').exists():
            break
        time.sleep(0.05)

def test_let_go(dm_scope):
    assert bedplate.devices() == []
"""


class Scopes(NothingLeft):
    def test_ended(self):
        with self.assertRaises(ZeroDivisionError):
            with bedplate.Scope('kernel-test') as scope:
                device = scope.device('0 8 zero')
                self.assertTrue(device.info().uuid.startswith(scope.uuid_prefix))
                device.suspend()
                scope.pool(data=16 << 20).create_volume('volume', 1 << 20)
                raise ZeroDivisionError
        bedplate.Device.create('d', '0 8 zero').remove()

    @unittest.skipUnless('CI' in os.environ or os.path.exists('/usr/bin/pytest-3'),
                         'python3-pytest is not installed')
    def test_fixtures(self):
        with open('conftest.py', 'w', encoding='utf-8') as file:
            file.write("pytest_plugins = ['bedplate.fixtures']\n")
        with open('test_fixtures.py', 'w', encoding='utf-8') as file:
            file.write(FIXTURE_TESTS.replace("pytest_plugins = ['bedplate.fixtures']\n", ''))
        done = subprocess.run([PYTEST, '-m', 'pytest', '-p', 'no:cacheprovider', '-q'], check=False,
                              capture_output=True, text=True)
        said = done.stdout + done.stderr
        self.assertRegex(said, r'1 failed, 5 passed, 1 error\b')
        self.assertRegex(said, r'(?s)ERROR at teardown of test_held .*Busy: .*python')

    @unittest.skipUnless('CI' in os.environ or os.path.exists('/usr/bin/pytest-3'),
                         'python3-pytest is not installed')
    def test_fixtures_interrupted(self):
        """^C in a test that waits without limit: it ends, and its devices go."""
        with open('test_hanging.py', 'w', encoding='utf-8') as file:
            file.write("pytest_plugins = ['bedplate.fixtures']\n\n"
                       "def test_hanging(dm_pool, dm_device):\n    dm_pool(data=16 << 20)\n"
                       "    dm_device('0 8 zero', 'hanging').wait(timeout=None)\n")
        with subprocess.Popen([PYTEST, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', 'test_hanging.py'],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)) as run:
            for _ in range(400):
                if bedplate.Device('hanging').exists():
                    break
                time.sleep(0.05)
            self.assertTrue(bedplate.Device('hanging').exists())
            time.sleep(0.3)  # it has begun to wait
            run.send_signal(signal.SIGINT)
            self.assertRegex(run.communicate(timeout=20)[0], 'KeyboardInterrupt')
        self.assertEqual(run.returncode, 2)
        self.assertEqual(bedplate.devices(), [])

    def test_left_in_use(self):
        with self.assertRaises(bedplate.Busy):
            with bedplate.Scope('kernel-held') as scope:
                with open(scope.device('0 8 zero').path, 'rb') as held:
                    scope.end(timeout=0.1)
        with self.assertRaises(ValueError):
            scope.end()
        with self.assertRaises(bedplate.Busy):
            with bedplate.Scope('kernel-held') as scope:
                device = scope.device('0 8 zero')
                held = open(device.path, 'rb')  # pylint: disable=consider-using-with
                scope.end = lambda **how: bedplate.Scope.end(scope, timeout=0.1)
        with bedplate.Scope('other'):
            pass
        self.assertTrue(device.exists())
        held.close()
        with bedplate.Scope('kernel-held'):
            self.assertFalse(device.exists())


class Devices(NothingLeft):

    def test_life(self):
        table = bedplate.Table().append('linear', 1 << 20, dev=DISK0, offset_bytes=1 << 20)
        with bedplate.Device.create('a b', table, uuid='TEST-1') as device:
            self.assertEqual(device.size, 1 << 20)
            self.assertTrue(os.path.exists(device.path))
            self.assertEqual(device.path, '/dev/mapper/a\\x20b')
            self.assertEqual(bedplate.Device(uuid='TEST-1').info().name, 'a b')
            self.assertEqual(device.table()[0].params['offset_sectors'], 2048)
            self.assertEqual(device.deps(), [bedplate.block_device(DISK0).devno])
            with device.suspended():
                self.assertTrue(device.info().suspended)
            self.assertFalse(device.info().suspended)
            device.reload(ZERO)
            self.assertEqual(device.status()[0].target, 'zero')
            device.read_ahead = 64 << 10
            self.assertEqual(device.read_ahead, 64 << 10)
        self.assertFalse(device.exists())

    def test_removed_whatever_happens(self):
        with self.assertRaises(ZeroDivisionError):
            with bedplate.Device.create('d', ZERO) as device:
                device.suspend()
                raise ZeroDivisionError
        with self.assertRaises(ZeroDivisionError):
            with bedplate.Device.create('d', ZERO) as device:
                with device.suspended():
                    raise ZeroDivisionError
        with bedplate.Device.create('d', ZERO) as device:
            device.remove()

    def test_goes_when_let_go(self):
        def hasty(device):
            device.remove = lambda **how: type(device).remove(device, timeout=0.1, **how)

        with self.assertRaises(bedplate.Busy) as caught:
            with bedplate.Device.create('d', ZERO) as device:
                hasty(device)
                held = open(device.path, 'rb')  # pylint: disable=consider-using-with
                raise ZeroDivisionError
        self.assertIsInstance(caught.exception.__context__, ZeroDivisionError)
        self.assertTrue(device.exists())
        held.close()
        self.assertTrue(gone(device))
        with self.assertRaises(bedplate.Busy):
            with bedplate.Pool.create('pool', DISK0, DISK1, wipe=True) as pool:
                hasty(pool)
                held = open(pool.create_volume('volume', 1 << 20).path, 'rb')  # pylint: disable=consider-using-with
                raise ZeroDivisionError
        held.close()
        self.assertTrue(gone(pool))

    def test_errors(self):
        with bedplate.Device.create('d', ZERO) as device:
            with self.assertRaises(FileExistsError) as caught:
                bedplate.Device.create('d', ZERO)
            self.assertEqual(caught.exception.code, 'BP_E_EXISTS')
            with open(device.path, 'rb'):
                with self.assertRaises(bedplate.Busy) as caught:
                    device.remove()
            self.assertIn(str(os.getpid()), str(caught.exception))
        with self.assertRaises(bedplate.NoDevice):
            device.info()
        with self.assertRaises(bedplate.Error) as caught:
            bedplate.Device.create('d', f'0 8 linear {DISK0} 99999999999')
        self.assertTrue(caught.exception.kernel_lines)
        self.assertEqual((caught.exception.segment, caught.exception.target), (0, 'linear'))

    def test_events(self):
        with bedplate.Device.create('d', ZERO) as device:
            with self.assertRaises(TimeoutError):
                device.wait(timeout=0.1)
            timer = threading.Timer(0.2, lambda: bedplate.Device('d').remove())
            timer.start()
            with self.assertRaises(bedplate.NoDevice):
                device.wait(timeout=None)
            timer.join()

    def test_interrupted(self):
        """^C ends a wait that has no limit, and leaves nothing."""
        with bedplate.Device.create('d', ZERO) as device:
            for wait in (lambda: device.wait(timeout=None),
                         lambda: DmDevice.get_by_name('d').wait(device.info().event_nr, timeout=None)):
                timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
                timer.start()
                with self.assertRaises(KeyboardInterrupt):
                    wait()
                timer.join()
            timer = threading.Timer(0.2, lambda: bedplate.Device('d').rename('e'))
            timer.start()
            self.assertEqual(device.wait(0, timeout=10), 1)
            timer.join()
            bedplate.Device('e').rename('d')

    def test_warning_as_error(self):
        """Where warnings are errors the caller has no device to remove: there is none then."""
        whole = bedplate.device.context
        class Warned:  # pylint: disable=too-few-public-methods
            def __getattr__(self, name):
                return getattr(whole(), name)
            def take_warnings(self):
                return ['something']
        bedplate._context.context = Warned
        try:
            for make in (lambda: bedplate.Device.create('d', ZERO),
                         lambda: bedplate.Pool.create('pool', DISK0, DISK1, wipe=True)):
                with self.assertRaises(bedplate.Warning):
                    make()
        finally:
            bedplate._context.context = whole
        self.assertEqual(bedplate.devices(), [])

    def test_forked_child(self):
        """A child that leaves the with statement does not remove what is its parent's."""
        with bedplate.Scope('kernel-fork') as scope, bedplate.Device.create('d', ZERO) as device:
            inner = scope.device(ZERO)
            code = 1
            child = os.fork()
            if child == 0:
                try:
                    device.__exit__(None, None, None)
                    scope.__exit__(None, None, None)
                    code = 0
                finally:
                    os._exit(code)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertTrue(device.exists() and inner.exists())

    def test_plan(self):
        with bedplate.plan() as steps:
            bedplate.Device.create('d', ZERO)
        self.assertEqual([step['verb'] for step in steps][0], 'create')
        self.assertEqual(bedplate.devices(), [])

    def test_concise_is_atomic(self):
        with self.assertRaises(bedplate.Error):
            bedplate.create_concise(f'a,,,,{ZERO};b,,,,0 8 linear {DISK0} 99999999999')
        bedplate.create_concise(f'a,,,,{ZERO};b,,,,0 8 linear /dev/mapper/a 0')
        nodes = bedplate.tree()
        below = {node.name: [nodes[i].name for i in node.below] for node in nodes}
        self.assertEqual(below['b'], ['a'])
        self.assertEqual(bedplate.remove_all(), 0)

    def test_shell_text_is_a_name(self):
        marker = os.path.abspath('marker')
        device = DmDevice(0, 8)
        device.target_type = 'zero'
        for name in ('x; touch marker', '$(touch marker)', '`touch marker`', "a'b\"c"):
            self.assertTrue(device.create(name), device.last_error)
            self.assertEqual(DmDevice.ls(), [name])
            self.assertTrue(device.message(0, '@stats_list'))
            self.assertTrue(device.remove())
        self.assertFalse(os.path.exists(marker))

    def test_get_all(self):
        for number in range(12):
            bedplate.Device.create(f'd{number}', f'0 {number + 1} zero')
        for device in DmDevice.get_all():
            self.assertEqual(device.size_sectors, int(device.dm_name[1:]) + 1)
            self.assertEqual(device.name, f'dm-{bedplate.Device(device.dm_name).info().minor}')
            self.assertTrue(device.remove())

    def test_found_by_kernel_name(self):
        with bedplate.Device.create('d', ZERO) as device:
            minor = device.info().minor
            self.assertEqual(DmDevice(path=device.path).dm_name, 'd')
            if os.path.exists(f'/dev/dm-{minor}'):
                self.assertEqual(DmDevice(name=f'dm-{minor}').dm_name, 'd')

    def test_pool(self):
        with bedplate.Pool.create('pool', DISK0, DISK1, size=128 << 20, wipe=True) as pool:
            home = pool.create_volume('home', 1 << 30)
            self.assertEqual(home.size, 1 << 30)
            pool.snapshot('monday', home)
            self.assertEqual([(v.name, v.thin_id) for v in pool.volumes()],
                             [('home', 0), ('monday', 1)])
            self.assertEqual(pool.pool_status().mode, 'rw')
            self.assertEqual(pool.pool_status().data_total, 128 << 20)
            with self.assertRaises(bedplate.Busy):
                pool.delete(1)
            pool.deactivate(1)
            pool.delete(1)
            with self.assertRaises(bedplate.NoDevice):
                pool.delete(1)
            found = ThinPoolDevice.get_by_name('pool')
            self.assertEqual(list(found.thin_devices), [0])
            self.assertEqual(found.thin_devices[0].pool.dm_name, 'pool')
        with self.assertRaises(bedplate.Exists) as caught:
            bedplate.Pool.create('pool', DISK0, DISK1)
        self.assertEqual(caught.exception.code, 'BP_E_METADATA_EXISTS')
        with bedplate.Pool.create('pool', DISK0, DISK1, size=128 << 20, existing=True) as pool:
            pool.activate(0, 'again', 1 << 30)
            self.assertEqual([volume.name for volume in pool.volumes()], ['again'])


if __name__ == '__main__':
    unittest.main()
