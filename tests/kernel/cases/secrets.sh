#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# No verb prints the keys of a device unless --showkeys is given: text, JSON, debug lines, dry runs.
. "$KERNEL_LIB"

key=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
long=$key$key$key$key
export BEDPLATE_DEBUG=all
crypt="0 2048 crypt aes-cbc-plain64 $long 0 $DISK0 0"
integrity="0 2048 integrity $DISK1 0 32 J 1 internal_hash:hmac(sha256):$long"

# hides CMD...: whatever it does, nobody sees the key.
hides() {
	got=$("$@" 2>&1) || :
	case $got in
	*"$key"*) fail "'$*' tells the key:" "
$got" ;;
	esac
}

for table in "$crypt" "$integrity"; do
	wipe "$DISK1"
	hides bedplate -n create d --table "$table"
	hides bedplate -n --json create d --table "$table"
	hides bedplate -n create --concise "d,,,rw,$table"
	hides bedplate check-table --table "$table"
	hides bedplate --json check-table --table "$table"
	hides bedplate table --explain --table "$table"
	for at in 3 4 5 6 7; do
		bad=$(echo "$table" | sed "s/ / wrong /$at")
		hides bedplate create bad --table "$bad"
		hides bedplate --json create bad --table "$bad"
	done
	bedplate create d --table "$table"
	for json in '' --json; do
		for verb in table 'table --concise' 'table --explain' status info ls tree deps measure targets \
			wait 'table --inactive' cookies; do
			# shellcheck disable=SC2086 # words
			hides timeout 1 bedplate $json $verb d
			# shellcheck disable=SC2086
			hides timeout 1 bedplate $json -v $verb
		done
		for verb in load reload; do
			# shellcheck disable=SC2086
			hides bedplate $json -n $verb d --table "$table"
		done
		# shellcheck disable=SC2086
		hides bedplate $json -n message d 0 key set "$long"
		# shellcheck disable=SC2086
		hides bedplate $json message d 0 key set "$long"
	done
	expect_match "$key" bedplate table --showkeys d
	expect_match "$key" bedplate table --concise --showkeys d
	bedplate remove d
done
