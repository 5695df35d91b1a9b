# SPDX-License-Identifier: LGPL-2.1-or-later
"""The metadata tools, as sts.dmpd has them: what they give is what a command gives, its status and
both its outputs. So they run the command: ours, as a list of words, without a shell. Where typed
results are wanted, bedplate.thin_check() and its like give them without a process.

The program is $BEDPLATE, or "bedplate" of PATH.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Any, Union

from .._types import Text

Operands = Union[Text, 'list[Text]', 'tuple[Text, ...]', None]


@dataclass(frozen=True)
class CommandResult:
    """What a command left. command is for reading: what was run was a list of words."""

    exit_status: int
    command: str
    stdout_bytes: bytes = field(repr=False, default=b'')
    stderr_bytes: bytes = field(repr=False, default=b'')

    @property
    def rc(self) -> int:
        """exit_status"""
        return self.exit_status

    @property
    def stdout(self) -> str:
        """As text."""
        return self.stdout_bytes.decode(errors='replace')

    @property
    def stderr(self) -> str:
        """As text."""
        return self.stderr_bytes.decode(errors='replace')

    @property
    def succeeded(self) -> bool:
        """It ended with 0."""
        return self.exit_status == 0

    @property
    def failed(self) -> bool:
        """It did not."""
        return self.exit_status != 0


def run_program(words: list[str], stdin: str | bytes | None = None) -> CommandResult:
    """Run our program. Never raises: a program that is not there is status 127."""
    program = os.environ.get('BEDPLATE') or shutil.which('bedplate')
    shown = shlex.join(os.fsdecode(word) for word in words)
    if not program:
        return CommandResult(127, shown, b'', b'bedplate: not found in PATH\n')
    data = stdin.encode() if isinstance(stdin, str) else stdin
    how: dict[str, Any] = {'input': data} if data is not None else {'stdin': subprocess.DEVNULL}
    try:
        done = subprocess.run([program, *words], capture_output=True, check=False, **how)
    except (OSError, ValueError) as error:
        return CommandResult(126, shown, b'', f'{program}: {error}\n'.encode())
    # A command that a signal ended is told as a shell tells it.
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return CommandResult(status, shown, done.stdout, done.stderr)


def _option(name: str, value: object) -> list[str]:
    """The words of one option: True is the option alone; None and False leave it out; a list gives
    it several times; one letter is a short option."""
    if value is None or value is False:
        return []
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in _option(name, one)]
    text = _text(value)
    if len(name) == 1:
        return [f'-{name}'] if value is True else [f'-{name}', text]
    option = '--' + name.replace('_', '-')
    return [option] if value is True else [f'{option}={text}']


def _text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)


def _argv(tool: str, device_or_file: Operands | None = None, **options: object) -> list[str]:
    given = device_or_file if isinstance(device_or_file, (list, tuple)) else (device_or_file,)
    paths = [os.fsdecode(path) for path in given if path is not None]
    words = [word for name, value in options.items() for word in _option(name, value)]
    return [tool, *words, *(['--'] if any(p.startswith('-') for p in paths) else []), *paths]


class DmpdTool:
    """One tool."""

    TOOL_NAME = ''

    @staticmethod
    def _build_command(cmd: str, device_or_file: Operands | None = None, **options: object) -> str:
        """The command as text, each word quoted as a shell needs it."""
        return shlex.join(_argv(cmd, device_or_file, **options))

    @classmethod
    def run(cls, device_or_file: Operands | None = None, *, stdin: str | bytes | None = None, **options: object) -> CommandResult:
        """Run it: device_or_file are its operands (one or a list), options its options with _ for
        -. Never raises."""
        return run_program(_argv(cls.TOOL_NAME, device_or_file, **options), stdin)

    @classmethod
    def help(cls) -> CommandResult:
        """--help"""
        return cls.run(help=True)

    @classmethod
    def version(cls) -> CommandResult:
        """--version"""
        return cls.run(version=True)


def _class(name: str) -> type[DmpdTool]:
    kind: type[DmpdTool] = type(name, (DmpdTool,), {'__doc__': f'{name}: see its man page.',
                                    'TOOL_NAME': '', '__module__': __name__})
    letters = [('_' if at and letter.isupper() else '') + letter.lower()
               for at, letter in enumerate(name)]
    kind.TOOL_NAME = ''.join(letters)
    return kind


CacheCheck = _class('CacheCheck')
CacheDump = _class('CacheDump')
CacheMetadataSize = _class('CacheMetadataSize')
CacheRepair = _class('CacheRepair')
CacheRestore = _class('CacheRestore')
CacheWriteback = _class('CacheWriteback')
EraCheck = _class('EraCheck')
EraDump = _class('EraDump')
EraInvalidate = _class('EraInvalidate')
EraRepair = _class('EraRepair')
EraRestore = _class('EraRestore')
ThinCheck = _class('ThinCheck')
ThinDelta = _class('ThinDelta')
ThinDump = _class('ThinDump')
ThinLs = _class('ThinLs')
ThinMetadataPack = _class('ThinMetadataPack')
ThinMetadataSize = _class('ThinMetadataSize')
ThinMetadataUnpack = _class('ThinMetadataUnpack')
ThinMigrate = _class('ThinMigrate')
ThinRepair = _class('ThinRepair')
ThinRestore = _class('ThinRestore')
ThinRmap = _class('ThinRmap')
ThinShrink = _class('ThinShrink')
ThinTrim = _class('ThinTrim')

TOOLS = {kind.TOOL_NAME: kind for kind in DmpdTool.__subclasses__()}

cache_check = CacheCheck.run
cache_dump = CacheDump.run
cache_metadata_size = CacheMetadataSize.run
cache_repair = CacheRepair.run
cache_restore = CacheRestore.run
cache_writeback = CacheWriteback.run
era_check = EraCheck.run
era_dump = EraDump.run
era_invalidate = EraInvalidate.run
era_repair = EraRepair.run
era_restore = EraRestore.run
thin_check = ThinCheck.run
thin_delta = ThinDelta.run
thin_dump = ThinDump.run
thin_ls = ThinLs.run
thin_metadata_pack = ThinMetadataPack.run
thin_metadata_size = ThinMetadataSize.run
thin_metadata_unpack = ThinMetadataUnpack.run
thin_migrate = ThinMigrate.run
thin_repair = ThinRepair.run
thin_restore = ThinRestore.run
thin_rmap = ThinRmap.run
thin_shrink = ThinShrink.run
thin_trim = ThinTrim.run


def _tool(tool_name: str) -> type[DmpdTool]:
    if tool_name not in TOOLS:
        raise ValueError(f"no tool '{tool_name}'; known: {', '.join(sorted(TOOLS))}")
    return TOOLS[tool_name]


def get_help(tool_name: str) -> CommandResult:
    """A tool's --help; ValueError where there is no such tool."""
    return _tool(tool_name).help()


def get_version(tool_name: str) -> CommandResult:
    """A tool's --version; ValueError where there is no such tool."""
    return _tool(tool_name).version()
