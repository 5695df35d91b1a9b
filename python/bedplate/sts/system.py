# SPDX-License-Identifier: LGPL-2.1-or-later
"""What DmDevice has that concerns no one device: lists, versions, udev's cookies."""

from __future__ import annotations

import os
import shlex
import subprocess

from .._bedplate import version as library_version
from .._context import context
from .._errors import Invalid
from .._types import Text
from . import dmpd, report
from .result import fails_with

FLAG_NAMES = [
    'DM_UDEV_DISABLE_DM_RULES_FLAG', 'DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG',
    'DM_UDEV_DISABLE_DISK_RULES_FLAG', 'DM_UDEV_DISABLE_OTHER_RULES_FLAG',
    'DM_UDEV_LOW_PRIORITY_FLAG', 'DM_UDEV_DISABLE_LIBRARY_FALLBACK_FLAG',
    'DM_UDEV_PRIMARY_SOURCE_FLAG', 'DM_UDEV_FLAG7',
] + [f'DM_SUBSYSTEM_UDEV_FLAG{n}' for n in range(8)]


def _number(cookie: int | str) -> int:
    """A cookie as a number: an int, decimal or 0x text."""
    try:
        return cookie if isinstance(cookie, int) else int(cookie, 0)
    except ValueError as error:
        raise Invalid(f"'{cookie}' is no cookie") from error


class SystemCalls:
    """The static and class methods of DmDevice."""

    DM_DEV_PATH = os.environ.get('DM_DEV_DIR', '/dev') + '/mapper'

    @staticmethod
    @fails_with(None)
    def version() -> dict[str, str]:
        """Versions of library and driver."""
        driver = '.'.join(map(str, context().dm_version()))
        return {'library_version': library_version(), 'driver_version': driver,
                'library': library_version(), 'driver': driver}

    @staticmethod
    def targets() -> list[dict[str, str]]:
        """The targets whose modules are loaded: name and version."""
        return [{'name': name, 'version': 'v' + '.'.join(map(str, version))}
                for name, version in context().kernel_target_list()]

    @classmethod
    @fails_with(False)
    def mknodes_all(cls) -> bool:
        """Make nodes that are missing, remove those of devices that are gone."""
        context().mknodes()
        return True

    @classmethod
    def ls(cls, *, target_type: str | None = None, output_format: str = 'devno', tree: bool = False, tree_options: list[str] | str | None = None,
           exec_cmd: list[str] | str | None = None) -> list[str] | str:
        """Names of devices; with tree a drawing as text. exec_cmd is run for each, without a shell,
        with the device's node as its last argument. Errors are raised: no list could tell them."""
        if output_format not in ('devno', 'blkdevname', 'devname'):
            raise ValueError(f"output_format: '{output_format}' is not known")
        if tree:
            return report.tree(context().tree(), tree_options)
        names = [entry['name'] for entry in context().device_list()]
        if target_type is not None:
            names = [name for name in names if report.has_target(name, target_type)]
        if exec_cmd:
            words = shlex.split(exec_cmd) if isinstance(exec_cmd, str) else list(exec_cmd)
            for name in names:
                path = context().device_info(('name', name))['path']
                subprocess.run([*words, path], check=False)
        return names

    @classmethod
    @fails_with(False)
    def create_concise(cls, concise_spec: Text) -> bool:
        """Create all devices of a specification, or none."""
        context().concise_apply(concise_spec)
        return True

    @staticmethod
    def help(*, columns: bool = False) -> str | None:
        """The program's help; with columns the fields of info(columns=True)."""
        if columns:
            return '\n'.join(f'{name:<20}{heading}' for name, heading in report.headings())
        result = dmpd.run_program(['--help'])
        return result.stdout if result.succeeded else None

    # --- udev's cookies ---

    @staticmethod
    @fails_with(None)
    def udevcreatecookie() -> str:
        """A new cookie, as '0x0d4dXXXX'; also where udev does not run."""
        return f'0x{context().cookie_create():08x}'

    @staticmethod
    @fails_with(False)
    def udevreleasecookie(cookie: int | str | None = None, timeout: float | None = 30) -> bool:
        """Complete our part of a cookie (None: that of DM_UDEV_COOKIE), wait for the rest, destroy
        it. When the time is over it is destroyed all the same, and that is a failure."""
        cookie = cookie if cookie is not None else os.environ.get('DM_UDEV_COOKIE')
        if cookie is None:
            raise Invalid('no cookie given, and none in DM_UDEV_COOKIE')
        context().cookie_release(_number(cookie), -1 if timeout is None else int(timeout * 1000))
        return True

    @staticmethod
    @fails_with(False)
    def udevcomplete(cookie: int | str) -> bool:
        """Say that one operation of a cookie is done."""
        context().cookie_complete(_number(cookie))
        return True

    @staticmethod
    @fails_with(False)
    def udevcomplete_all(age: int | None = None) -> bool:
        """Destroy all cookies, other programs' too; age: only those so many minutes old."""
        context().cookie_destroy_old(int(age or 0) * 60)
        return True

    @staticmethod
    def udevcookie() -> list[str]:
        """The cookies there are, as '0x0d4dXXXX'."""
        return [f"0x{cookie['value']:08x}" for cookie in context().cookie_list()]

    udevcookies = udevcookie

    @staticmethod
    def udevflags(cookie: int | str) -> dict[str, str]:
        """The flags in a cookie's upper half: name to '1'."""
        upper = _number(cookie) >> 16
        return {name: '1' for bit, name in enumerate(FLAG_NAMES) if upper >> bit & 1}
