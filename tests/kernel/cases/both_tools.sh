#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# dmsetup reads what we made, and we read what dmsetup made: same table, status, deps.
. "$KERNEL_LIB"

# both NAME: tables and dependencies of both tools agree.
both() {
	same "table of $1" "$(bedplate table "$1")" "$(dmsetup table "$1" | sed 's/ *$//')"
	same "status of $1" "$(bedplate status --lines "$1" | sed 's/ *$//')" \
		"$(dmsetup status --noflush "$1" | sed 's/ *$//')"
	same "deps of $1" "$(bedplate deps -r --noheadings -o device "$1" | sort)" \
		"$(dmsetup deps "$1" | grep -o '([0-9]*, [0-9]*)' | tr -d '() ' | tr , : | sort)"
	same "uuid of $1" "$(bedplate info -r --noheadings -o uuid "$1")" \
		"$(dmsetup info -c --noheadings -o uuid "$1")"
}

# pair LINES: the same table made by each.
pair() {
	bedplate create ours --uuid U-ours --table "$1"
	both ours
	bedplate remove ours
	dmsetup create theirs --uuid U-theirs --table "$1"
	both theirs
	bedplate remove theirs
}
pair "0 8 linear $DISK0 16"
pair "0 8 linear $DISK0 16
8 16 linear $DISK1 0
24 8 zero"
pair "0 1024 striped 2 64 $DISK0 0 $DISK1 128"
pair "0 8 zero"
pair "0 8 error"

# Options make what the line makes.
bedplate create typed striped --chunk 32KiB --leg "$DISK0 0" --leg "$DISK1 128" --size 512KiB
expect "0 1024 striped 2 64 98:0 0 98:16 128" dmsetup table typed
bedplate remove typed
bedplate create whole linear --device "$DISK0" --offset 1MiB
expect "0 $(($(sectors "$DISK0") - 2048)) linear 98:0 2048" dmsetup table whole
