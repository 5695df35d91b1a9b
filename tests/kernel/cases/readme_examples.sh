#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The first example of README.md does what it says, on the lab's disks.
. "$KERNEL_LIB"
# shellcheck disable=SC2016 # the quotes of Markdown
sed -n '/^## Example/,/^## /{/^```sh/,/^```/p;}' "$(dirname "$KERNEL_LIB")/../../README.md" |
	sed "/^\`\`\`/d; s|/dev/sdb|$DISK0|g; s|/dev/sdc|$DISK1|g; s/^bedplate check-table/! &/" > examples
wipe "$DISK0"
[ "$(wc -l < examples)" -ge 5 ] || fail "README.md has too few examples"
sh -eu ./examples > said 2>&1 || fail "an example failed:" "$(cat said)"
expect_match '^`-pool|^└─pool' cat said
expect_match "^check-table: segment 0 .*'-1' is not a number" cat said
bedplate pool remove pool
bedplate remove data
