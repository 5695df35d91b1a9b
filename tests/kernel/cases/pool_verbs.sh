#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
# Every pool verb on a real pool; deactivating keeps data, deleting does not.
. "$KERNEL_LIB"
field() { bedplate pool status --raw --noheadings -b -o "$1" pool; }
volumes() { bedplate pool list pool --raw --noheadings -o thin-id,name; }

wipe "$DISK0"
expect_match '^would create pool' bedplate pool create -n pool --metadata "$DISK0" --data "$DISK1"
expect "" bedplate ls -q
bedplate pool create pool --metadata "$DISK0" --data "$DISK1" --size 512MiB --low-water 10
expect_fail 1 "^pool create: pool: '$DISK0': another pool uses it" bedplate pool create pool --metadata "$DISK0" --data "$DISK1"
same mode "$(field mode)" rw
same block "$(field block-size)" 65536
same zeroing "$(field zeroing)" yes
same size "$(field data-total)" 536870912
expect_match '^pool +254:0 +good +512MiB +512MiB +0.00% +[0-9]+\.[0-9]{2}%$' bedplate pool list

# In a few words, and by fields.
expect_match '^pool .* thin-pool +rw, data 0.00%, metadata [0-9]+\.[0-9]{2}%$' bedplate status pool
expect "0 8192 no" bedplate status -r --noheadings --target thin-pool \
	-o used_data_dblocks,total_data_dblocks,needs_check
expect_fail 64 "no column 'used_data_dblocks'" bedplate status -o used_data_dblocks
expect "0 536870912" field data-used,data-free

# Volumes and snapshots.
expect_match '^Thin id: +0$' bedplate pool thin pool home --size 1GiB
put /dev/mapper/home 0 "before"
expect_fail 1 "^pool snapshot: monday: 'nope': no such mapped device$" \
	bedplate pool snapshot pool nope monday
expect_fail 1 "^pool snapshot: monday: 'nope': " bedplate pool snapshot pool monday --origin nope
bedplate pool snapshot pool home monday
put /dev/mapper/home 0 "after"
expect "before" get /dev/mapper/monday 0
expect "after" get /dev/mapper/home 0
same state "$(bedplate info -r --noheadings -o state home)" active
expect_match '^Thin id: +7$' bedplate pool thin pool seven --size 64MiB --id 7
expect_fail 1 'taken|exists' bedplate pool thin pool other --size 64MiB --id 7
expect_fail 1 "hint: .*'pool list --all' lists them" bedplate pool thin pool other --size 64MiB --id 7
bedplate pool thin pool --inactive --id 9
bedplate pool snapshot pool nine --origin-id 9 --size 64MiB --id 10
expect "0 home
1 monday
7 seven
10 nine" volumes
expect_match 'would message' bedplate pool thin -n pool more --size 1GiB

# Deactivate and activate: the data stays.
bedplate pool deactivate pool monday
expect "0 home
7 seven
10 nine" volumes
# What is not active has an id only; to read it takes a metadata snapshot, and leaves none.
expect "0 home active 65536
1  inactive 65536
7 seven active 0
9  inactive 0
10 nine active 0" bedplate pool list -a pool --raw --noheadings -b -o thin-id,name,state,mapped
expect "" field held-root-mblock
bedplate --json pool list --all pool | "$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)"
expect_fail 64 'all' bedplate pool list --all
bedplate pool activate pool 1 monday --size 1GiB
expect "before" get /dev/mapper/monday 0
expect_fail 1 "no volume|no such" bedplate pool activate pool 55 ghost --size 1GiB

# Delete: for good.
expect_fail 64 'for good' bedplate pool delete pool monday
expect_fail 1 'active|in use' bedplate pool delete pool --id 1 --yes
bedplate pool delete pool monday --yes
expect_fail 1 "no volume|no such" bedplate pool activate pool 1 monday --size 1GiB
bedplate pool delete pool --id 9 --yes
expect_fail 1 'not an active volume' bedplate pool delete pool nobody --yes

# Deleting tells nobody below; discarding first does. What others share stays.
bedplate pool thin pool gone --size 64MiB --id 20
dd if=/dev/zero of=/dev/mapper/gone bs=1M count=8 oflag=direct status=none
bedplate pool snapshot pool gone kept --id 21
dd if=/dev/zero of=/dev/mapper/gone bs=1M count=2 seek=32 oflag=direct status=none
bedplate pool status --flush pool > /dev/null
before=$(field data-used)
expect_match '^would discard pool' bedplate pool delete -n --discard pool gone
bedplate pool delete --discard --yes pool gone
same given "$(($(field data-used) + (2 << 20)))" "$before"
expect "" sh -c 'bedplate ls --noheadings -o name | grep discard || true'
bedplate pool delete --discard --yes pool kept
same all "$(($(field data-used) + (10 << 20)))" "$before"

# Ids of volumes that are not active are known by the metadata: none is tried in vain.
bedplate pool thin pool --inactive --id 300
clear_kernel_log
expect_match '^Thin id: +301$' bedplate pool thin pool next --size 64MiB
if (expect_kernel 'thin.*(exist|failed)') 2> /dev/null; then fail "an id that is taken was tried"; fi
expect "" field held-root-mblock
bedplate pool reserve-metadata-snap -q pool
expect_match "perhaps another program's" sh -c 'bedplate pool thin pool more --size 64MiB 2>&1'
[ "$(field held-root-mblock)" -gt 0 ] || fail "a foreign metadata snapshot was released"
expect_match "'bedplate pool release-metadata-snap pool' releases it" sh -c 'bedplate du pool 2>&1 > told'
bedplate pool release-metadata-snap pool

# Read while it is active, by its name or by the device that its metadata lie on; then no snapshot of them stays.
bedplate du -b pool > by-name
bedplate du -b "$DISK0" > by-metadata
expect "$(cat by-name)" cat by-metadata
expect_match '^ *0 +65536 +65536 +0$' cat by-name
expect "" field held-root-mblock

# What it holds, what is active, what is wanted: told, planned, made so.
reconcile() { bedplate pool reconcile pool -r --noheadings -o name,thin-id,state,action,done "$@"; }
rc=0
reconcile home=0 seven=7 nine=10 next=299 gone=301:64MiB > told || rc=$?
same status "$rc" 1
expect 'home 0 as\x20wanted none no
seven 7 as\x20wanted none no
nine 10 as\x20wanted none no
next 299 another\x20id none no
gone 301 not\x20active none no
more 302 active,\x20not\x20wanted none no
 300 not\x20wanted none no' cat told
expect_fail 64 'for good' reconcile --delete home=0
expect_fail 1 'has no id' reconcile --delete --yes home=0 seven nine next lost
expect_match '^more 302 active,\\x20not\\x20wanted deactivate no$' sh -c '
	bedplate pool reconcile pool -n -r --noheadings -o name,thin-id,state,action,done --deactivate home || true'
bedplate pool deactivate pool next
expect_fail 0 '^ 300 not.x20wanted delete yes$' reconcile --activate --deactivate --delete --yes \
	home=0 seven=7 nine=10 next=301:64MiB more
expect 'home
seven
nine
next
more' reconcile -o name home seven nine next more
rc=0
reconcile --deactivate home=0 seven=7 nine=10 > told || rc=$?
same status "$rc" 1
expect "" field held-root-mblock
reconcile --delete --yes home=0 seven=7 nine=10 > told
expect_fail 1 "no volume|no such" bedplate pool activate pool 302 ghost --size 64MiB

# The pool itself.
bedplate pool set-transaction pool 0 5
same transaction "$(field transaction-id)" 5
expect_fail 1 '' bedplate pool set-transaction pool 0 6
expect_match '^Held root mblock: +[0-9]+$' bedplate pool reserve-metadata-snap pool
[ "$(field held-root-mblock)" -gt 0 ] || fail "no metadata snapshot is held"
expect_fail 1 '' bedplate pool reserve-metadata-snap pool
bedplate pool release-metadata-snap pool
same held "$(field held-root-mblock)" ""
bedplate pool set pool --no-space error --low-water 20
same "when full" "$(field no-space)" error_if_no_space
same "low water" "$(field low-water-dblocks)" 20
expect "after" get /dev/mapper/home 0
bedplate pool grow pool
same size "$(field data-total)" "$(($(sectors "$DISK1") * 512))"

# Asleep and awake again; other people's metadata is not overwritten.
exec 3< /dev/mapper/home
expect_fail 1 'in use' bedplate pool remove pool
exec 3<&-
bedplate pool remove pool
expect "" bedplate ls -q
expect_fail 1 'holds a pool.s metadata already' bedplate pool create pool --metadata "$DISK0" --data "$DISK1"
bedplate pool create pool --metadata "$DISK0" --data "$DISK1" --existing
bedplate pool activate pool 0 home --size 1GiB
expect "after" get /dev/mapper/home 0
bedplate pool remove pool
bedplate pool create pool --metadata "$DISK0" --data "$DISK1" --wipe --yes
same transaction "$(field transaction-id)" 0

# A pool on loop devices, in one step, and away again; what it held comes back.
bedplate pool remove pool
here=--directory=$PWD
expect_match '^would ' bedplate pool create -n lp --loop 64MiB "$here"
[ ! -e lp.data ] || fail "a plan made a file"
bedplate pool create lp --loop 64MiB "$here"
bedplate pool create lp --loop 64MiB "$here"
bedplate pool thin lp inside --size 8MiB
put /dev/mapper/inside 0 "kept"
expect_fail 1 'a device of this name is there' bedplate pool create inside --loop 64MiB "$here"
bedplate pool create lp --loop 96MiB "$here"
same grown "$(bedplate pool status -r -b --noheadings -o data-total lp)" $((96 << 20))
bedplate pool remove --loop lp "$here"
expect "" losetup -n -O NAME
bedplate pool create lp --loop 96MiB "$here"
bedplate pool activate lp 0 inside --size 8MiB
expect "kept" get /dev/mapper/inside 0
expect_fail 64 'yes' bedplate pool remove --loop --delete-files lp "$here"
bedplate pool remove --loop --delete-files --yes lp "$here"
if [ -e lp.data ] || [ -e lp.metadata ]; then fail "files are left"; fi
expect "" losetup -n -O NAME
bedplate pool create pool --metadata "$DISK0" --data "$DISK1" --existing

# For programs.
command -v jq > /dev/null || exit 0
bedplate -J pool thin pool v --size 1GiB | jq -e '.data == {"pool":"pool","name":"v","thin_id":0}' > /dev/null
bedplate -J pool status pool | jq -e '.data.mode == "rw" and .data.needs_check == false' > /dev/null
bedplate -J pool list | jq -e '.data[0].name == "pool"' > /dev/null
bedplate -J pool list pool | jq -e '.data[0].thin_id == 0 and .data[0].mapped_bytes == 0' > /dev/null
bedplate -J pool snapshot -n pool s --origin v | jq -e '.data | length > 1' > /dev/null
bedplate -J pool delete pool v --yes | jq -e '.data.result == "deleted"' > /dev/null
bedplate -J pool remove pool | jq -e '.data.result == "removed"' > /dev/null
