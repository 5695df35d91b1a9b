# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For kernel cases with thin pools, after KERNEL_LIB:  . "${KERNEL_LIB%lib.sh}thin.sh"
# One pool "pool", volumes "thin0", "thin1" ..., metadata in mapped devices on $DISK1, data on $DISK0.
# shellcheck disable=SC2034
THIN_DATA=${KERNEL_LIB%lib.sh}../data
THIN_REFERENCE=/usr/sbin/thin_check

# metadata NAME OFFSET_MIB SIZE_MIB: a device for metadata, its beginning zeroed.
metadata() {
	dmsetup create "$1" --table "0 $(($3 * 2048)) linear $DISK1 $(($2 * 2048))"
	dd if=/dev/zero of="/dev/mapper/$1" bs=4096 count=1 2> /dev/null
}
# pool METADATA [DATA_BLOCKS]: data blocks are of 64 KiB.
pool() {
	dmsetup create pool --table "0 $((${2:-16384} * 128)) thin-pool /dev/mapper/$1 $DISK0 \
		128 0 2 skip_block_zeroing no_discard_passdown"
}
# thin ID...: activate volumes, of 64 MiB.
thin() {
	for thin_id in "$@"; do
		dmsetup create "thin$thin_id" --table "0 131072 thin /dev/mapper/pool $thin_id"
	done
}
message() {
	dmsetup message pool 0 "$1"
}
new_thin() {
	message "create_thin $1"
	thin "$1"
}
# snapshot ID ORIGIN: of an active volume; both are active then.
snapshot() {
	dmsetup suspend "thin$2"
	message "create_snap $1 $2"
	dmsetup resume "thin$2"
	thin "$1"
}
# delete ID: of an active volume.
delete() {
	dmsetup remove "thin$1"
	message "delete $1"
}
# no_pool ID...: deactivate the volumes and the pool.
no_pool() {
	for thin_id in "$@"; do
		dmsetup remove "thin$thin_id"
	done
	dmsetup remove pool
}
# load SEED WRITES DISCARDS ID...: random work on volumes; the same arguments do the same.
load() {
	thin_args="$1 $2 $3"
	shift 3
	for thin_id in "$@"; do
		thin_args="$thin_args /dev/mapper/thin$thin_id"
	done
	# shellcheck disable=SC2086
	"${KERNEL_LIB%lib.sh}thin_load.py" $thin_args
}
# sums ID...: checksums of what the volumes read.
sums() {
	for thin_id in "$@"; do
		md5sum < "/dev/mapper/thin$thin_id" | sed "s/-/$thin_id/"
	done
}

# agree METADATA: it is sound to the strictest of our checks, and to the reference where there is one,
# and both name the same transaction.
agree() {
	agree_ours=$(bedplate thin_check --strict "$1" 2>&1) || fail "our check of $1:" "
$agree_ours"
	[ -x "$THIN_REFERENCE" ] || return 0
	agree_theirs=$("$THIN_REFERENCE" "$1" 2>&1) || fail "the reference's check of $1:" "
$agree_theirs"
	same "transaction of $1" "$(echo "$agree_ours" | grep TRANSACTION_ID)" \
		"$(echo "$agree_theirs" | grep TRANSACTION_ID)"
}
