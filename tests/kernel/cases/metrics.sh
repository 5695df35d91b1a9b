#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Numbers for monitoring are those of the kernel: I/O that was done, a pool's status, a snapshot
# that overflowed; as a file, and by HTTP on the loopback interface.
. "$KERNEL_LIB"
command -v jq > /dev/null || skip "jq is not installed"

bedplate create m linear --device "$DISK0" --size 4MiB
dd if=/dev/zero of=/dev/mapper/m bs=65536 count=8 oflag=direct 2> /dev/null
bedplate metrics > all
expect_match '^bedplate_device_written_bytes_total\{device="m"\} 524288$' cat all
expect_match '^bedplate_device_size_bytes\{device="m"\} 4194304$' cat all
expect_match '^bedplate_device_segment_info\{device="m",segment="0",target="linear"\} 1$' cat all
same end "$(tail -n 1 all)" '# EOF'
bedplate suspend m
expect_match '^bedplate_device_suspended\{device="m"\} 1$' bedplate metrics m
bedplate resume m

# Another device's numbers, none of m's: by name.
bedplate create low linear --device "$DISK1" --size 4MiB
bedplate create snap --table "0 8192 snapshot /dev/mapper/m /dev/mapper/low N 8"
dd if=/dev/urandom of=/dev/mapper/snap bs=4096 count=256 oflag=direct 2> /dev/null
bedplate metrics snap > numbers
# (Lines are an answer too: nothing is said of there being none.)
used=$(bedplate status --lines snap 2>&1 | sed 's,.* \([0-9]*\)/.*,\1,')
expect_match "^bedplate_snapshot_used_bytes\{device=\"snap\",segment=\"0\"\} $((used * 512))\$" cat numbers
! grep "\"m\"" numbers || fail "numbers of m"
expect_fail 1 "'none'" bedplate metrics none

# While somebody writes, top has a rate; a full snapshot is not said to fill.
(while [ ! -e stop ]; do dd if=/dev/zero of=/dev/mapper/m bs=4096 count=8 oflag=direct; done 2> /dev/null) &
bedplate top --json --interval 1s > rates
: > stop
wait $!
expect_match '^true$' jq '.data | map(select(.name == "m"))[0].written_bytes > 0' rates
expect_match '^true$' jq '.data | map(select(.name == "snap"))[0] | .used_percent > 0 and .busy_percent == 0' rates
same one "$(bedplate top --json --count 1 --interval 60min low | jq -c '.data[0] | [.name, .written_bytes]')" '["low",null]'
same three "$(bedplate top --json --count 3 --interval 10ms low | jq -c '.data | map([.name, .written_bytes])')" '[["low",0]]'
same rows "$(bedplate top --interval 10ms --count 3 --noheadings --raw -o name low)" "$(printf 'low\nlow')"

# On a terminal each look begins at its top, and fits it: of three devices and a heading two lines of 50, and their number.
cat > screen.py << 'PYTHON'
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 50, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
text = b""
try:
    while part := os.read(fd, 65536):
        text += part
except OSError:  # the other side is closed
    pass
os.waitpid(pid, 0)
looks = text.decode().replace("\r\n", "\n").split("\x1b[H\x1b[J")
print(len(looks) - 1, max(map(len, looks[-1].splitlines())), looks[-1].count("\n"), looks[-1].splitlines()[-1])
PYTHON
same screen "$(python3 screen.py "$BEDPLATE" top --count 2 --interval 10ms)" "2 50 4 (2 more)"

# Keys: each is heeded at once, long before the next look; the end is by q.
cat > keys.py << 'PYTHON'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
looks, keys = b"", sys.argv[1].encode()
try:
    while part := os.read(fd, 65536):
        looks += part
        shown = looks.count(b"\x1b[H\x1b[J")
        if looks.endswith(b"\n") and keys and shown > len(sys.argv[1]) - len(keys):
            os.write(fd, keys[:1])
            keys = keys[1:]
except OSError:  # the other side is closed
    pass
last = looks.decode().replace("\r\n", "\n").split("\x1b[H\x1b[J")[-1].splitlines()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), last[0].split("sort: ")[1], *last[1:])
PYTHON
same sorted "$(python3 keys.py srq "$BEDPLATE" top --interval 60min --noheadings -o name m low snap)" "0 -name snap m low"
same next "$(python3 keys.py ssq "$BEDPLATE" top --interval 60min --noheadings -o used_percent,name m low snap | cut -c1-15)" "0 -used_percent"

bedplate metrics -o file
expect_match '^bedplate_device_info\{device="low",uuid=""\} 1$' cat file

# One request is answered, with the numbers of its moment; then it ends. The lab has its loopback interface up.
cat > client.py << 'PYTHON'
import socket, time
for _ in range(200):
    try:
        with socket.create_connection(("127.0.0.1", 9999)) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            print(b"".join(iter(lambda: s.recv(65536), b"")).decode(), end="")
        break
    except ConnectionRefusedError:
        time.sleep(0.05)
PYTHON
bedplate metrics --serve-once 9999 &
python3 client.py > answer
wait $!
expect_match '^HTTP/1.0 200 OK' cat answer
expect_match '^bedplate_snapshot_used_bytes' cat answer
same end "$(tail -n 1 answer)" '# EOF'

# What is in the way is told at once: somebody who listens there, an interface that is down.
cat > hold.py << 'PYTHON'
import fcntl, socket, struct, subprocess, sys
with socket.socket() as s:
    s.bind(("127.0.0.1", 9998))
    s.listen()
    taken = subprocess.run(sys.argv[1:], capture_output=True, text=True, timeout=30)
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0))  # SIOCSIFFLAGS: down
down = subprocess.run(sys.argv[1:], capture_output=True, text=True, timeout=30)
print(taken.returncode, taken.stderr, down.returncode, down.stderr)
PYTHON
python3 hold.py "$BEDPLATE" metrics --serve-once 9998 > refused
expect_match '^1 .*Address already in use.*take another port' tr '\n' ' ' < refused
expect_match 'Network is down.*ip link set lo up' tr '\n' ' ' < refused
