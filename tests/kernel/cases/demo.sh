#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `make demo` shows runs to its end, and leaves no device behind.
. "$KERNEL_LIB"

wipe "$DISK0" 16 # all that it uses: nodes of earlier pools would be looked at too
wipe "$DISK1"
expect_match '^ls: no devices$' "$(dirname "$KERNEL_LIB")/../../scripts/demo-guest"
