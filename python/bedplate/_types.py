# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the package's functions take, by name, for the annotations."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from ._context import Default
    from .table import Table

Text = Union[str, bytes, 'os.PathLike[str]', 'os.PathLike[bytes]']  # a name or path: any bytes but NUL
Which = Union[Text, 'tuple[str, Text]', 'tuple[int, int]']  # a device, as Device() finds it
Tabular = Union[str, 'Table']
Timeout = Union[float, None, 'Default']  # seconds; None: no limit; DEFAULT: 30 seconds
Progress = Callable[[str, int, int], object]  # progress(stage, done, total): true to stop
Found = dict[str, Any]  # what the library tells of one thing, by name
Disk = Any  # for bedplate.sts: a BlockDevice or something like it, a mapped device of sts, a path, 'MAJOR:MINOR'
