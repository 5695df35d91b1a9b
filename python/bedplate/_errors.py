# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exceptions of this package. Every failure of the library becomes one of them, with all
that the library knows of it; they are OSErrors, and of Python's own classes where one fits."""

from __future__ import annotations

import json
import os
from typing import Any


class Error(OSError):
    """A call failed.

    code: "BP_E_BUSY" and so on: stable, finer than the errno.
    errno: positive.
    message: one line: what, which one, why. str() of the exception has the hint too.
    verb, device: what was being done, to what; or None.
    segment, target, argument, argument_name, value: where in a table; or None.
    cause: the deeper reason; hint: what to do; or None.
    kernel_lines: lines of the kernel's log that the failed call caused; may be empty.
    """

    errno: int | None  # type: ignore[assignment]  # OSError's may be None as well
    verb: str | None
    device: str | None
    segment: int | None
    target: str | None
    argument: int | None
    argument_name: str | None
    value: str | None
    cause: str | None
    hint: str | None

    def __init__(self, message: str, fields: dict[str, Any] | None = None, number: int = 0) -> None:
        super().__init__(number or None, message)
        fields = fields or {}
        self.errno = number or fields.get('errno') or None
        self.message = message
        self.code = fields.get('code', 'BP_E_FAILED')
        for name in ('verb', 'device', 'segment', 'target', 'argument', 'argument_name',
                     'value', 'cause', 'hint'):
            setattr(self, name, fields.get(name))
        self.kernel_lines = list(fields.get('kernel_log') or [])
        self._fields = fields

    def __str__(self) -> str:
        parts = [self.message]
        if self.cause:
            parts.append(self.cause)
        if self.hint:
            parts.append(f'hint: {self.hint}')
        parts += self.kernel_lines
        return '; '.join(part.strip() for part in parts)

    def __reduce__(self) -> tuple[type, tuple[str, dict[str, Any], int | None]]:
        return type(self), (self.message, self._fields, self.errno)


class NoDevice(Error, FileNotFoundError):
    """No such mapped or block device, volume or file."""


class Exists(Error, FileExistsError):
    """A name, uuid or id is taken; or something is there that would be overwritten."""


class Busy(Error):
    """In use; cause says by whom, where that is known."""


class NotAllowed(Error, PermissionError):
    """This user may not."""


class NoDeviceMapper(Error):
    """This kernel has no device-mapper, or no control node."""


class TimedOut(Error, TimeoutError):
    """The limit of time is over."""


class Canceled(Error):
    """A callback said stop."""


class Invalid(Error, ValueError):
    """An argument can't be: a name, a size, a line of a table, a text."""


class TableError(Invalid):
    """A table is wrong: segment, argument, argument_name and value say where."""


class KernelRefused(Error):
    """The kernel refused, and kernel_lines say why."""


class NotMetadata(Invalid):
    """A file or device that holds something else."""


class Damaged(Error):
    """Metadata is damaged so that the call can't go on."""


CLASSES: dict[str, type[Error]] = {
    'BP_E_USAGE': Invalid,
    'BP_E_NAME': Invalid,
    'BP_E_FORMAT': Invalid,
    'BP_E_XML': Invalid,
    'BP_E_TOO_SMALL': Invalid,
    'BP_E_TABLE': TableError,
    'BP_E_UNKNOWN_TARGET': TableError,
    'BP_E_UNKNOWN_FEATURE': TableError,
    'BP_E_CANCELED': Canceled,
    'BP_E_TIMEOUT': TimedOut,
    'BP_E_UDEV': TimedOut,
    'BP_E_PERMISSION': NotAllowed,
    'BP_E_NO_DM': NoDeviceMapper,
    'BP_E_NO_DEVICE': NoDevice,
    'BP_E_NO_BLOCK_DEVICE': NoDevice,
    'BP_E_NO_THIN': NoDevice,
    'BP_E_EXISTS': Exists,
    'BP_E_METADATA_EXISTS': Exists,
    'BP_E_BUSY': Busy,
    'BP_E_POOL_IN_USE': Busy,
    'BP_E_KERNEL': KernelRefused,
    'BP_E_NOT_METADATA': NotMetadata,
    'BP_E_DAMAGED': Damaged,
}

ERRNO_CLASSES: dict[str, type[Error]] = {
    'ENOENT': NoDevice,
    'ENXIO': NoDevice,
    'EEXIST': Exists,
    'EBUSY': Busy,
    'EACCES': NotAllowed,
    'EPERM': NotAllowed,
    'ETIMEDOUT': TimedOut,
    'ECANCELED': Canceled,
}


def make(text: str, number: int) -> Exception:
    """The exception for a failure: the library's JSON of it, and the errno returned."""
    fields = json.loads(text)
    if fields.get('errno') != number:
        # The call failed without a word of its own: what stands there is of an earlier one.
        fields = {'errno': number}
    if fields.get('code') == 'BP_E_NO_MEMORY':
        return MemoryError(fields.get('message'))
    kind = CLASSES.get(fields.get('code', ''))
    if kind is None:
        kind = ERRNO_CLASSES.get(fields.get('errno_name', ''), Error)
    return kind(fields.get('message') or os.strerror(number), fields, number)
