#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Run by the initramfs (scripts/lab-kernel) of the emulated machine, which has mounted proc,
# sys, dev, and the run's directory at /lab. The host's root is shared read-only, the
# current directory writable.
: > /lab/started
opts=trans=virtio,version=9p2000.L,msize=262144
mount -t 9p -o $opts,ro,cache=loose host /host
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
ln -sf /proc/self/fd /dev/fd
/bin/busybox ifconfig lo up # for programs that serve and ask there; no other interface is there
for p in proc sys dev dev/shm dev/pts; do
	mount --bind /$p /host/$p
done
mount -t tmpfs run /host/run
mkdir -p /host/run/lab /host/run/tmp /host/run/modules/lib
mount --bind /lib /host/run/modules/lib
mount --bind /lab /host/run/lab
[ ! -e /lab/tmp ] || mount -t tmpfs -o mode=1777 tmp /host/tmp
cwd=$(cat /lab/cwd)
if [ "$cwd" != / ]; then
	mkdir -p "/host$cwd" 2> /dev/null
	mount -t 9p -o $opts,cache=mmap cwd "/host$cwd"
fi

# Standard input comes in pieces, each a file; in.end says that no more follow.
feed() {
	n=0
	while :; do
		end=''
		[ ! -e "/lab/in.end" ] || end=1
		if [ -e "/lab/in.$n" ]; then
			cat "/lab/in.$n" || return
			rm -f "/lab/in.$n"
			n=$((n + 1))
		elif [ "$end" ]; then
			return
		else
			usleep 50000
		fi
	done
}
if [ -e "/lab/in.end" ] && [ ! -e "/lab/in.0" ]; then
	input=/dev/null feeder=''
else
	input=/input
	/bin/busybox mkfifo $input
	feed > $input 2> /dev/null &
	feeder=$!
fi

chroot /host /run/lab/cmd > /lab/out 2> /lab/err < $input
rc=$?
[ -z "$feeder" ] || kill "$feeder" 2> /dev/null
dmesg > /lab/dmesg
echo $rc > /lab/rc

# A suspended device would make sync wait for ever.
sync &
i=0
while kill -0 $! 2> /dev/null && [ $i -lt 30 ]; do
	usleep 100000
	i=$((i + 1))
done
poweroff -f
