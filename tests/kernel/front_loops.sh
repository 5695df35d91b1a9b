#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 480
# By hand: tests/kernel/tap-lab uml|qemu build/src/commands/bedplate tests/kernel/front_loops.sh
# Devices are made and removed, over and over, while a rule of a real udev opens each new node and keeps it open
# for a while after its event has ended: no removal ends in EBUSY, and no semaphore, node or device stays.
# BEDPLATE_LOOPS: how often (1000). BEDPLATE_LANES: so many at a time (6): what a loop takes is the time for which its
# nodes are held, and loops that wait beside each other take it together.
. "$KERNEL_LIB"
command -v udevadm > /dev/null || skip "no udev"
# The emulated machine's root is a chroot, where udevadm would not wait.
export SYSTEMD_IGNORE_CHROOT=1
[ -e /lib/udev/rules.d/55-dm.rules ] || skip "no rules for mapped devices"
[ -z "$(pidof systemd-udevd)" ] || skip "a udev runs already"
loops=${BEDPLATE_LOOPS:-1000} lanes=${BEDPLATE_LANES:-6}

# Only the rules of mapped devices are read: a hundred others would run for each event.
mkdir -p /run/udev/rules.d
for rules in /lib/udev/rules.d/*.rules; do
	case $rules in *-dm*.rules) ;; *) ln -s /dev/null "/run/udev/rules.d/${rules##*/}" ;; esac
done
# The opener outlives its event: udev waits for the shell that starts it only.
cat > opener << 'END'
#!/bin/sh
(exec sleep "0.$(($$ % 4))$(($$ % 10))" < "$1") > /dev/null 2>&1 &
echo "$1" >> "${0%/*}/opened"
END
chmod +x opener
: > opened
echo "ACTION==\"change\", KERNEL==\"dm-*\", ENV{DM_NAME}==\"?*\", RUN+=\"$PWD/opener /dev/%k\"" \
	> /run/udev/rules.d/99-opener.rules
# The daemon is the program udevadm by another name.
ln -s "$(realpath "$(command -v udevadm)")" systemd-udevd
"$PWD/systemd-udevd" > udev.log 2>&1 &
udev=$!
# shellcheck disable=SC2154 # rc is set in it
trap 'rc=$?; kill $udev 2> /dev/null; wait $udev 2> /dev/null; rm -rf /run/udev; exit $rc' EXIT
for _ in $(seq 200); do [ ! -S /run/udev/control ] || break; sleep 0.05; done
[ -S /run/udev/control ] || skip "udev does not start"
# Its socket is there before it hears the kernel: who made a device in between would wait for ever.
udevadm control --ping --timeout=60 || fail "udev does not answer"
unset DM_DISABLE_UDEV

# What could leak: semaphores, nodes, devices as the kernel and as udev have them.
left() {
	udevadm settle --timeout=60
	echo "semaphores: $(tail -n +2 /proc/sysvipc/sem | wc -l)"
	echo "nodes: $(find /dev -name 'dm-*' -type b | wc -l) $(find /dev/mapper -name 'loop-*' | wc -l)"
	echo "links: $(find /dev/disk -name '*loop-*' 2> /dev/null | wc -l)"
	echo "devices: $(find /sys/block /sys/class/block -name 'dm-*' | wc -l)"
	echo "data: $(find /run/udev/data -name 'b25[0-9]:*' -size +0 2> /dev/null | wc -l)"
	bedplate cookies --noheadings 2> /dev/null | wc -l || :
}
# try WORD...: it must not fail; how often it did, and with what, is told at the end.
try() {
	"$@" > "said.$lane" 2>&1 || {
		echo "loop $i: '$*' ended with $?: $(cat "said.$lane")" >> failed
	}
}
# one I: a life of a device, or of two.
one() {
	i=$1 name=loop-$1
	case $((i % 3)) in
	0) # the verbs, two devices of which one lies on the other
		try bedplate create "$name" --table "0 64 linear $DISK0 0"
		try bedplate create "$name-top" --table "0 64 linear /dev/mapper/$name 0"
		try bedplate remove --retry "$name-top"
		try bedplate remove --retry "$name"
		;;
	1) # the front
		try "$FRONT" create "$name" --table '0 64 zero'
		try "$FRONT" remove --retry "$name"
		;;
	2) # a name and a table that change meanwhile
		try "$FRONT" create "$name-a" --uuid "uuid-$i" --table '0 64 zero'
		try "$FRONT" rename "$name-a" "$name"
		try "$FRONT" reload "$name" --table '0 64 error'
		try "$FRONT" suspend "$name"
		try "$FRONT" resume "$name"
		try "$FRONT" remove --retry "$name"
		;;
	esac
	echo "$i" >> ended
}
# lane N: each one of so many loops, told now and then.
lane() {
	lane=$1 next=$1
	while [ "$next" -le "$loops" ]; do
		one "$next"
		next=$((next + lanes))
		[ "$lane" -ne 1 ] || [ $((next / lanes % 10)) -ne 0 ] ||
			echo "# $(cut -d. -f1 /proc/uptime) s: $(wc -l < ended) loops, $(wc -l < failed) failures"
	done
}
: > failed
: > ended
before=$(left)
lanes_running=
for number in $(seq "$lanes"); do
	lane "$number" &
	lanes_running="$lanes_running $!"
done
# shellcheck disable=SC2086 # processes they are; udev, which is none of them, does not end
wait $lanes_running
after=$(left)
same "loops that ended" "$(wc -l < ended)" "$loops"
[ ! -s failed ] || fail "$(wc -l < failed) of the calls failed:" "$(head -n 20 failed)"
same "what is left" "$after" "$before"
[ "$(wc -l < opened)" -ge "$loops" ] || fail "the rule opened $(wc -l < opened) nodes only"
echo "$loops loops, $(wc -l < opened) nodes opened"
