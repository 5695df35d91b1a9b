# SPDX-License-Identifier: LGPL-2.1-or-later
"""The names of the Python package sts, on this library: 'from bedplate.sts.dm import LinearDevice',
'from bedplate.sts.dmpd import thin_check'. Names, parameters and types of results are those of
sts; what is different is in docs/coming-from-sts.md. Calls that fail give False or None as there,
and keep why: device.last_error, last_error(); raise_errors() has them raised."""

from . import dm, dmpd
from .dm import *  # noqa: F401,F403
from .dmpd import CommandResult
from .result import last_error, raise_errors, strict

__all__ = dm.__all__ + ['CommandResult', 'dm', 'dmpd', 'last_error', 'raise_errors', 'strict']
