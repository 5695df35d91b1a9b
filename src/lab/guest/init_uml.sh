#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# First process of the user-mode guest, whose root directory is the host's. LAB_DIR is the
# run's directory; what is written there is on the host at once.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# The user-mode kernel restarts in place, for ever: a second start ends it.
if [ -e "$LAB_DIR/started" ]; then
	: > "$LAB_DIR/rebooted"
	mount -t proc proc /proc
	echo o > /proc/sysrq-trigger
	sleep 60
fi
: > "$LAB_DIR/started"

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
ln -sf /proc/self/fd /dev/fd

# For programs that serve and ask on the loopback interface. No other is there.
ip link set lo up 2> /dev/null || ifconfig lo up 2> /dev/null || busybox ifconfig lo up 2> /dev/null || :

# The modules lie where modprobe does not look; autoloading goes through this wrapper.
echo "$LAB_DIR/bin/modprobe" > /proc/sys/kernel/modprobe
"$LAB_DIR/bin/modprobe" dm-mod
"$LAB_DIR/bin/modprobe" -q loop || : # losetup asks for its control node, which the module makes

# A /tmp of its own, in which the run's files and the current directory stay where they are.
keep() {
	mkdir -p "/run/keep/$1"
	mount --bind "$2" "/run/keep/$1"
}
put_back() {
	mkdir -p "$2"
	mount --bind "/run/keep/$1" "$2"
}
if [ -e "$LAB_DIR/tmp" ]; then
	cwd=$(cat "$LAB_DIR/cwd")
	keep lab "$LAB_DIR"
	keep cwd "$cwd"
	mount -t tmpfs -o mode=1777 tmp /tmp
	case $LAB_DIR in /tmp/*) put_back lab "$LAB_DIR" ;; esac
	case $cwd in /tmp/*) put_back cwd "$cwd" ;; esac
fi

# Standard input comes in pieces, each a file; in.end says that no more follow.
feed() {
	n=0
	while :; do
		end=''
		[ ! -e "$LAB_DIR/in.end" ] || end=1
		if [ -e "$LAB_DIR/in.$n" ]; then
			cat "$LAB_DIR/in.$n" || return
			rm -f "$LAB_DIR/in.$n"
			n=$((n + 1))
		elif [ "$end" ]; then
			return
		else
			sleep 0.05
		fi
	done
}
if [ -e "$LAB_DIR/in.end" ] && [ ! -e "$LAB_DIR/in.0" ]; then
	input=/dev/null feeder=''
else
	input=/run/lab-input
	mkfifo $input
	feed > $input 2> /dev/null &
	feeder=$!
fi

"$LAB_DIR/cmd" > "$LAB_DIR/out" 2> "$LAB_DIR/err" < $input
rc=$?
[ -z "$feeder" ] || kill "$feeder" 2> /dev/null
dmesg > "$LAB_DIR/dmesg"
echo $rc > "$LAB_DIR/rc"

# A suspended device would make sync wait for ever.
sync &
i=0
while kill -0 $! 2> /dev/null && [ $i -lt 30 ]; do
	sleep 0.1
	i=$((i + 1))
done
echo o > /proc/sysrq-trigger
sleep 60
