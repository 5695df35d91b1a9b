#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# The Python package: every example of its users' pages runs as it stands there, on the lab's disks;
# then every name of sts' interface, and what the package promises on a kernel. One interpreter: to start one is dear here.
. "$KERNEL_LIB"
PYTHONPATH=$(dirname "$BEDPLATE")/../../python:$(dirname "$KERNEL_LIB")/../python
PYTHONDONTWRITEBYTECODE=1
PAGES=$(dirname "$KERNEL_LIB")/../../docs
export PYTHONPATH PYTHONDONTWRITEBYTECODE PAGES DISK0 DISK1
wipe "$DISK0"
python3 -W error "$(dirname "$KERNEL_LIB")/cases/python_package.py" 2>&1
expect "" bedplate ls -q
