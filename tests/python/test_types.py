# SPDX-License-Identifier: LGPL-2.1-or-later
"""Types and doc strings: every public name has both, the stub of the extension is what the extension is, and type
checkers pass programs that use the package (where mypy is installed)."""

import glob
import inspect
import os
import re
import subprocess
import sys
import tempfile
import unittest

import bedplate
from bedplate import _bedplate, sts
from bedplate.sts import dm, dmpd

PACKAGE = os.path.dirname(bedplate.__file__)
# Interpreters that may have mypy: ours, and Debian's.
PYTHONS = [sys.executable, '/usr/bin/python3']


def members(kind):
    """Public methods and properties that a class itself has, as functions."""
    for name, raw in vars(kind).items():
        function = raw.fget if isinstance(raw, property) else getattr(raw, '__func__', raw)
        if not name.startswith('_') and callable(function) and not isinstance(function, type):
            yield name, inspect.unwrap(function)


def public():
    """Pairs of a dotted name and what it is."""
    for module in (bedplate, dm, dmpd):
        names = getattr(module, '__all__', None) or [n for n, what in vars(module).items() if not n.startswith('_')
                                                     and getattr(what, '__module__', '') == module.__name__]
        for name in names:
            what = getattr(module, name)
            yield f'{module.__name__}.{name}', what
            if isinstance(what, type):
                for member, function in members(what):
                    yield f'{module.__name__}.{name}.{member}', function
    for kind in _bedplate.Context, _bedplate.Table, _bedplate.Scope:
        for name, method in members(kind):
            yield f'{kind.__name__}.{name}', method


class Everything(unittest.TestCase):
    def test_doc_strings(self):
        listed = dict(public())
        self.assertGreater(len(listed), 300)
        bare = [name for name, what in listed.items() if (callable(what) or isinstance(what, type))
                and not (what.__doc__ or '').strip()]
        self.assertEqual(bare, [])

    def test_annotated(self):
        for name, what in public():
            if not inspect.isfunction(what) or what.__module__.startswith('test'):
                continue
            signature = inspect.signature(what)
            untold = [p.name for p in signature.parameters.values() if p.name not in ('self', 'cls')
                      and p.annotation is inspect.Parameter.empty]
            self.assertEqual(untold, [], name)
            self.assertIsNot(signature.return_annotation, inspect.Signature.empty, name)

    def test_listed(self):
        """__all__ is what the package's files define, no more and no less."""
        defined = {name for name, what in vars(bedplate).items() if not name.startswith('_')
                   and getattr(what, '__module__', '').startswith('bedplate') and callable(what)}
        aliases = {'Text', 'Found', 'Tabular', 'Which'}
        self.assertEqual(defined - set(bedplate.__all__) - aliases, set())
        for module in bedplate, sts, dm:
            self.assertEqual([name for name in module.__all__ if not hasattr(module, name)], [])

    def test_installed(self):
        """What the build lists for installation is all of the package's files."""
        source = os.path.join(os.environ['DATA'], '../../python/bedplate')
        for folder in '', 'sts':
            with open(os.path.join(source, folder, 'meson.build'), encoding='utf-8') as file:
                listed = set(re.findall(r"'([\w.]+\.(?:pyi?|typed))'", file.read()))
            there = {os.path.basename(p) for p in glob.glob(os.path.join(source, folder, '*'))}
            self.assertEqual(listed, {name for name in there if re.search(r'\.(pyi?|typed)$', name)})


class Extension(unittest.TestCase):
    def test_signatures(self):
        """What C parses is what the stub says: each keyword is known, no other is, and too many are too many."""
        context, table = bedplate.Context(), bedplate.Table('0 8 zero')
        seen = 0
        for owner in context, table:
            for name, method in members(type(owner).__mro__[1]):
                parameters = list(inspect.signature(method).parameters.values())[1:]
                call = getattr(_bedplate.Table if owner is table else _bedplate.Context, name)
                nothing = {p.name: object() for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
                seen += len(parameters)
                for wrong in ((object(),) * (len(parameters) + 1), {}), ((), {**nothing, 'nonsense': 1}):
                    with self.assertRaisesRegex(TypeError, r'argument|keyword', msg=name):
                        call(owner, *wrong[0], **wrong[1])
                if nothing:
                    with self.assertRaises(TypeError) as caught:
                        call(owner, **nothing)
                    self.assertNotIn('keyword', str(caught.exception), name)
        self.assertGreater(seen, 200)


class Library(unittest.TestCase):
    def test_left_out(self):
        """Each public function is used by the extension, or the page says why not."""
        top = os.path.join(os.environ['DATA'], '../..')
        texts = {}
        for path in (*glob.glob(f'{top}/python/ext/*.[ch]'), f'{top}/src/libbedplate.map', f'{top}/docs/python.md'):
            with open(path, encoding='utf-8') as file:
                texts[path] = file.read()
        code = '\n'.join(text for path, text in texts.items() if '/ext/' in path)
        used = set(re.findall(r'\bbp_\w+', code))
        for kind in re.findall(r'LIST_TAKE\(\w+, (\w+),', code):
            used |= {f'{kind}_count', f'{kind}_get', f'{kind}_free'}
        for kind in re.findall(r'^CHECK\((\w+)\)', code, re.M):
            used |= {f'bp_{kind}_check', f'bp_{kind}_auto_repair'}
        rows = [line for line in texts[f'{top}/docs/python.md'].splitlines() if line.startswith('| `bp_')]
        words = [word for row in rows for word in re.findall(r'`(bp_\w+\*?)`', row.split('|')[1])]
        functions = re.findall(r'^\s*(bp_\w+);', texts[f'{top}/src/libbedplate.map'], re.M)
        self.assertGreater(len(functions), 400)
        told = {name for name in functions for word in words
                if name == word or word.endswith('*') and name.startswith(word[:-1])}
        self.assertEqual(set(functions) - used - told, set())
        exact = {word for word in words if not word.endswith('*')}
        self.assertEqual(exact & used, set())
        self.assertEqual([word for word in words if not any(
            name == word or word.endswith('*') and name.startswith(word[:-1]) for name in functions)], [])


def mypy():
    """An interpreter that has it; None."""
    for python in PYTHONS:
        done = subprocess.run([python, '-c', 'import mypy'], capture_output=True, check=False)
        if done.returncode == 0:
            return python
    return None


PROGRAM = """
import bedplate
from bedplate.sts.dm import BlockDevice, LinearDevice, ThinPoolDevice
from bedplate.sts.dmpd import thin_check

def use(path: str) -> int:
    table = bedplate.Table().append('linear', 1 << 20, dev=path, offset_bytes=4096)
    with bedplate.Device.create('x', table, timeout=None) as device:
        with device.suspended(no_flush=True) as same:
            same.load('0 8 zero')
        print(device.info().devno, [line.values for line in device.status()])
    with bedplate.Pool.create('p', path, '/dev/b', low_water=1 << 20) as pool:
        volume: bedplate.Device = pool.create_volume('v', 1 << 30)
        number: int = pool.snapshot(None, volume, inactive=True)
    try:
        result = bedplate.thin_check(path, progress=lambda stage, done, total: None)
    except bedplate.Error as error:
        print(error.code, error.hint, error.kernel_lines, error.errno)
        return 1
    linear = LinearDevice.from_block_device(BlockDevice(path), size_sectors=8)
    made: bool = linear.create('l', readahead='auto')
    thin = ThinPoolDevice.from_block_devices('/dev/b', BlockDevice(path)).create_thin(0, 8, 'thin')
    text: str = thin_check(path, skip_mappings=True).stdout
    return number + len(text) + made + result.nr_fatal + (0 if thin is None else 1)
"""
WRONG = """
import bedplate
bedplate.Device.create('x', 5)
bedplate.Device('x').suspend(noflush=True)
bedplate.thin_check('x').rc
bedplate.Pool('p').create_volume('v', '1g')
"""


@unittest.skipUnless(mypy(), 'mypy is not installed')
class Checkers(unittest.TestCase):
    def run_mypy(self, *args, module='mypy'):
        with tempfile.TemporaryDirectory() as cache:
            if module == 'mypy':
                args = ('--cache-dir', os.environ.get('MYPY_CACHE_DIR', cache), *args)
            done = subprocess.run([mypy(), '-m', module, *args], cwd=os.path.dirname(PACKAGE), capture_output=True,
                                  check=False, text=True, env={**os.environ, 'MYPYPATH': os.path.dirname(PACKAGE)})
        return done.stdout + done.stderr

    def test_programs(self):
        """A program that is right passes --strict, each mistake of another one is found; the package passes too."""
        with tempfile.TemporaryDirectory() as folder:
            os.environ['MYPY_CACHE_DIR'] = os.path.join(folder, 'cache')
            self.addCleanup(os.environ.pop, 'MYPY_CACHE_DIR')
            said = {}
            for name, text in ('right', PROGRAM), ('wrong', WRONG):
                path = os.path.join(folder, name + '.py')
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(text)
                said[name] = self.run_mypy('--strict', path)
            self.assertIn('Success', said['right'], said['right'])
            self.assertEqual([int(n) for n in re.findall(r'wrong.py:(\d+): error', said['wrong'])], [3, 4, 5, 6],
                             said['wrong'])
            self.assertIn('Success', self.run_mypy('--strict', '--no-warn-return-any', '-p', 'bedplate'))

    def test_stub(self):
        said = self.run_mypy('bedplate._bedplate', module='mypy.stubtest')
        self.assertIn('Success', said)


if __name__ == '__main__':
    unittest.main()
