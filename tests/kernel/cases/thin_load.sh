#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Metadata of a pool under load is sound to our check and the reference's: snapshots of snapshots,
# discards, deletions, overwriting, a metadata snapshot that is held meanwhile. What was dumped of it,
# live or not, restores to the same volumes, and the kernel goes on with these.
# limit: 400
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"
command -v python3 > /dev/null || skip 'python3 is not installed'

metadata meta 0 8
metadata copy 16 8
pool meta
for id in 0 1 2; do
	new_thin $id
done
dd if=/dev/urandom of=/dev/mapper/thin2 bs=1M count=64 2> /dev/null
load 1 100 10 0 1
snapshot 10 0
load 2 60 8 0 10
snapshot 11 10 # of a snapshot
snapshot 12 11
snapshot 20 2
load 3 60 8 0 1 2 10 11 12 20
message 'set_transaction_id 0 7'

# A metadata snapshot stays as it is while all else changes.
message reserve_metadata_snap
bedplate thin_check -q -m /dev/mapper/meta
bedplate thin_dump -m -o live1.xml /dev/mapper/meta
load 4 150 15 0 2 11 12 20 &
delete 1
delete 10
snapshot 30 11
for round in 1 2 3; do
	bedplate thin_check -q -m /dev/mapper/meta || fail "check of the metadata snapshot, round $round"
	bedplate thin_dump -m -o live2.xml /dev/mapper/meta
	cmp live1.xml live2.xml
done
wait
message 'set_transaction_id 7 8'
load 5 60 8 0 30
snapshot 21 20
expect_match 'dev_id="1"' cat live1.xml
expect_match 'transaction="7"' cat live1.xml

# All is stopped with the metadata snapshot held, which counts as well.
before=$(sums 0 2 11 12 20 21 30)
no_pool 0 2 11 12 20 21 30
agree /dev/mapper/meta
expect_match '^TRANSACTION_ID=8$' bedplate thin_check /dev/mapper/meta
bedplate thin_restore -i live1.xml -o /dev/mapper/copy
agree /dev/mapper/copy
bedplate thin_dump /dev/mapper/copy | cmp - live1.xml

# Restored from a dump: the same volumes, which can be worked with.
bedplate thin_dump -o stopped.xml /dev/mapper/meta
grep -q '<ref ' stopped.xml || fail 'nothing is shared'
bedplate thin_restore -i stopped.xml -o /dev/mapper/copy
agree /dev/mapper/copy
pool copy
thin 0 2 11 12 20 21 30
same 'what the volumes read' "$(sums 0 2 11 12 20 21 30)" "$before"
load 6 40 8 2 12 30
snapshot 31 30
snapshot 32 31
load 7 40 8 0 31
delete 11
no_pool 0 2 12 20 21 30 31 32
agree /dev/mapper/copy

# The other one goes on, too, without its metadata snapshot.
pool meta
message release_metadata_snap
thin 0 2
load 8 60 8 0 2
no_pool 0 2
agree /dev/mapper/meta
