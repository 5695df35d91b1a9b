#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 90
# By hand: tests/kernel/tap-lab uml|qemu build/src/commands/bedplate tests/kernel/front_udev.sh
# The system's own rules of udev for mapped devices, run by a real udev, call dmsetup at each event: with the front
# in its place the nodes, the links, what udev remembers of a device and the cookies are the same.
. "$KERNEL_LIB"
theirs=$(command -v dmsetup) || skip "no dmsetup"
command -v udevadm > /dev/null || skip "no udev"
# The emulated machine's root is a chroot, where udevadm would not wait.
export SYSTEMD_IGNORE_CHROOT=1
[ -e /lib/udev/rules.d/55-dm.rules ] || skip "no rules for mapped devices"
[ -z "$(pidof systemd-udevd)" ] || skip "a udev runs already"
caller=$(sed -n 's/.*PROGRAM.*"\(\/[^ ]*dmsetup\) .*/\1/p; s/.*IMPORT{program}="\(\/[^ ]*dmsetup\) .*/\1/p' \
	/lib/udev/rules.d/55-dm.rules | head -n 1)
caller=$(realpath "${caller:-$theirs}")
cp "$caller" reference
# The daemon is the program udevadm by another name.
ln -s "$(realpath "$(command -v udevadm)")" systemd-udevd
mkdir bin
ln -s "$FRONT" bin/dmsetup
cat > called <<END
#!/bin/sh
echo "\$1" >> $PWD/calls
exec $PWD/bin/dmsetup "\$@"
END
chmod +x called

stop() {
	[ -z "${udev:-}" ] || kill "$udev" 2> /dev/null || :
	[ -z "${udev:-}" ] || wait "$udev" 2> /dev/null || :
	umount "$caller" 2> /dev/null || :
	rm -rf /run/udev
}
trap 'rc=$?; stop; exit $rc' EXIT

# known NAME: what udev has of it, and where its nodes are.
known() {
	udevadm settle --timeout=60
	echo "# $1"
	for path in "/dev/mapper/$1" "/dev/disk/by-id/dm-name-$1"; do
		if [ -L "$path" ]; then echo "$path is a link"; elif [ -e "$path" ]; then echo "$path is a node"; fi
	done
	udevadm info -q property -n "/dev/mapper/$1" 2> /dev/null |
		grep -E '^(DM_|DISK_RO|SYSTEMD_READY|UDISKS)' | grep -v '^DM_COOKIE' | sort || :
}

# The number of a cookie is a random one.
t() {
	rc=0
	"$@" || rc=$?
	shift
	echo "dmsetup $* = $rc" | sed 's/0x[0-9a-fA-F]*/COOKIE/g'
}

# events DMSETUP: a device's whole life, told by it and by udev.
events() {
	t "$1" create a --uuid LVM-0123 --table '0 64 zero'
	known a
	t "$1" create 'b c' --notable
	t "$1" load 'b c' --table '0 8 error'
	t "$1" resume 'b c'
	known 'b\x20c'
	t "$1" suspend a
	t "$1" resume a
	known a
	t "$1" rename a d
	known a
	known d
	# Its node is ours to make, and is made; there it is not.
	t "$1" --noudevrules create e --table '0 8 zero'
	udevadm settle --timeout=60
	cookie=$("$1" udevcreatecookie) || echo "no cookie"
	t "$1" create f --udevcookie "$cookie" --table '0 8 zero'
	t "$1" create g --udevcookie "$cookie" --table '0 8 zero'
	t "$1" udevreleasecookie "$cookie"
	known f
	known g
	t "$1" --noudevsync create h --table '0 8 zero'
	known h
	t "$1" remove d e f g h 'b c'
	known d
	known 'b\x20c'
	t "$1" udevcookies
	ls /dev/mapper
}

unset DM_DISABLE_UDEV
for run in theirs ours; do
	[ $run = theirs ] || mount --bind called "$caller"
	mkdir -p /run/udev
	: > calls
	"$PWD/systemd-udevd" > /dev/null 2>&1 &
	udev=$!
	for _ in $(seq 200); do [ ! -S /run/udev/control ] || break; sleep 0.05; done
	[ -S /run/udev/control ] || skip "udev does not start"
	# Its socket is there before it hears the kernel: who made a device in between would wait for ever.
	udevadm control --ping --timeout=60 || fail "udev does not answer"
	case $run in
	theirs) events "$PWD/reference" > theirs 2> theirs.errors ;;
	ours) events "$PWD/bin/dmsetup" > ours 2> ours.errors ;;
	esac
	stop
	udev=
	[ ! -s "$run.errors" ] || cat "$run.errors" >> "$run"
done
diff -U 6 theirs ours || fail "they differ"
# It is ours that the rules called, for each of the events.
for word in udevflags udevcomplete; do
	[ "$(grep -c "^$word$" calls)" -ge 8 ] || fail "$word was called $(grep -c "^$word$" calls) times"
done
grep -q '^DM_NAME=d$' ours || fail "udev knows no names:" "$(cat ours)"
echo "$(wc -l < calls) calls of the rules"
