#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 200
# What happens to devices is told by its kind, as it happens, and commands run for it.
. "$KERNEL_LIB"
wipe "$DISK0"
wipe "$DISK1"

# watch [OPTION]...: events from here on to the file "seen", once it has begun.
watch() {
	bedplate events --json --timeout 60s "$@" > seen 2> watch.err &
	watcher=$!
	# It has begun when it sees a device come and go.
	for try in $(seq 100); do
		[ ! -s seen ] || return 0
		bedplate create begin zero --size 8
		bedplate remove begin
		sleep 0.1
	done
	fail "the watch does not begin" "$try" "$(cat watch.err)"
}
# seen FILTER: such an event comes (jq), while the watch runs.
seen() {
	for try in $(seq 100); do
		[ -z "$(jq -c "select($1)" seen)" ] || return 0
		sleep 0.1
	done
	fail "no event like '$1' after $try tries:" "$(cat seen)"
}
watch --interval 200ms

# A snapshot whose store is full, one told apart from the other.
bedplate create origin snapshot-origin --device "$DISK1"
for kind in P PO; do
	wipe "$DISK0" 1
	bedplate create store linear --device "$DISK0" --size 64K
	bedplate create copy --table "0 2048 snapshot $DISK1 /dev/mapper/store $kind 8"
	dd if=/dev/urandom of=/dev/mapper/copy bs=64K count=4 oflag=direct status=none 2> /dev/null ||
		echo "the snapshot is lost"
	case $kind in
	P) seen '.event == "snapshot-invalid" and .name == "copy" and .target == "snapshot"' ;;
	PO) seen '.event == "snapshot-overflow" and .name == "copy"' ;;
	esac
	bedplate remove copy store
done
bedplate remove origin

# A pool runs low, then out; more space ends both.
wipe "$DISK0" 1
bedplate create meta linear --device "$DISK1" --size 4M
bedplate create data linear --device "$DISK0" --size 4M
bedplate pool create pool --metadata /dev/mapper/meta --data /dev/mapper/data --low-water 32 --error-if-no-space
bedplate pool thin pool v --size 16M > made
dd if=/dev/zero of=/dev/mapper/v bs=64K count=40 oflag=direct status=none
seen '.event == "pool-low-water" and .name == "pool" and (.ended | not)'
dd if=/dev/zero of=/dev/mapper/v bs=64K count=80 oflag=direct status=none 2> /dev/null ||
	echo "the pool is full"
seen '.event == "pool-no-space" and .name == "pool" and (.ended | not)'
bedplate reload data linear --device "$DISK0" --size 64M
bedplate pool grow pool
seen '.event == "pool-no-space" and .ended'
seen '.event == "pool-low-water" and .ended'
bedplate pool remove pool
bedplate remove data meta
seen '.event == "removed" and .name == "pool"'

# Metadata that can't be written: the pool asks for a check.
bedplate create meta linear --device "$DISK1" --size 4M
bedplate create data linear --device "$DISK0" --size 16M
wipe /dev/mapper/meta 1
bedplate pool create pool --metadata /dev/mapper/meta --data /dev/mapper/data --yes
bedplate pool thin pool v --size 8M > made
bedplate reload meta --table "0 8192 flakey $DISK1 0 0 60 1 error_writes"
dd if=/dev/zero of=/dev/mapper/v bs=64K count=4 oflag=direct conv=fsync status=none 2> /dev/null ||
	echo "the pool's metadata can't be written"
seen '.event == "pool-needs-check" and .name == "pool" and (.ended | not)'
seen '.event == "pool-read-only" and .name == "pool" and (.ended | not)'
bedplate reload meta linear --device "$DISK1" --size 4M
bedplate pool remove pool
bedplate remove data meta

# A leg of a raid that can't be written to.
modprobe -a dm-raid raid1 2> /dev/null || true
if dmsetup targets | grep -q '^raid '; then
	leg=0
	for disk in "$DISK0" "$DISK1"; do
		wipe "$disk" 1
		bedplate create "info$leg" linear --device "$disk" --size 1M
		bedplate create "leg$leg" linear --device "$disk" --offset 1M --size 8M
		leg=1
	done
	bedplate create mirrored --table "0 16384 raid raid1 1 128 2 /dev/mapper/info0 /dev/mapper/leg0 /dev/mapper/info1 /dev/mapper/leg1"
	bedplate reload leg1 error --size 8M
	dd if=/dev/zero of=/dev/mapper/mirrored bs=64K count=1 oflag=direct status=none
	seen '.event == "raid-degraded" and .name == "mirrored" and (.ended | not)'
	bedplate remove mirrored leg0 leg1 info0 info1
fi

# A removal that waits for the last user.
bedplate create held zero --size 8
(exec 9< /dev/mapper/held && exec sleep 60) &
holder=$!
bedplate remove --deferred held 2> /dev/null
sleep 0.6
kill "$holder"
wait "$holder" 2> /dev/null || true
seen '.event == "removed-deferred" and .name == "held"'

# Paths, where this kernel has them.
modprobe -a dm-multipath dm-round-robin 2> /dev/null || true
if dmsetup targets | grep -q '^multipath ' &&
	bedplate create paths --table "0 2048 multipath 0 0 1 1 round-robin 0 2 1 $DISK0 1 $DISK1 1" 2> /dev/null; then
	bedplate message paths 0 fail_path 98:0
	seen '.event == "path-failed" and .about == "98:0" and (.ended | not)'
	bedplate message paths 0 fail_path 98:16
	seen '.event == "no-path" and (.ended | not)'
	bedplate message paths 0 reinstate_path 98:0
	seen '.event == "path-failed" and .about == "98:0" and .ended'
	seen '.event == "no-path" and .ended'
	bedplate remove paths
fi
bedplate create one zero --size 8
bedplate rename one two
bedplate remove two
seen '.event == "removed" and .name == "two"'
kill "$watcher"
wait "$watcher" 2> /dev/null || true
"$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)" seen || fail "not as declared"

# A command for one event of one device.
bedplate create store linear --device "$DISK0" --size 64K
wipe "$DISK0" 1
bedplate create copy --table "0 2048 snapshot $DISK1 /dev/mapper/store P 8"
cat > told << 'END'
#!/bin/sh
echo "$# $1|$BEDPLATE_EVENT $BEDPLATE_EVENT_DEVICE $BEDPLATE_EVENT_TARGET $BEDPLATE_EVENT_ENDED" >> told.log
END
chmod +x told
bedplate events copy --on snapshot-invalid --count 1 --timeout 30s -- ./told 'a b' &
runner=$!
for try in $(seq 20); do
	sleep 0.1
	dd if=/dev/urandom of=/dev/mapper/copy bs=4K seek="$try" count=1 oflag=direct status=none 2> /dev/null ||
		break
done
wait "$runner"
expect '1 a b|snapshot-invalid copy snapshot 0' cat told.log
# It is there already: told when asked for. A command that fails makes the status 1.
expect_match '^snapshot-invalid copy' bedplate events copy --existing --count 1 --timeout 5s
expect_fail 1 'false: ended with 1' bedplate events copy --existing --count 1 --timeout 5s -- false
expect_fail 64 "no event 'snapshot-invalit'; did you mean 'snapshot-invalid'" \
	bedplate events --on snapshot-invalit
expect_fail 1 'nobody' bedplate events nobody
bedplate remove copy store
