#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Several devices in one line: what table --concise prints, create --concise makes again.
. "$KERNEL_LIB"

bedplate create --concise "top,U-top,,rw,0 8 linear /dev/mapper/low 0;low,,,rw,0 8 linear $DISK0 0,8 8 zero"
expect "0 8 linear 98:0 0
8 8 zero" bedplate table low
expect U-top bedplate info -r --noheadings -o uuid top
line=$(bedplate table --concise)
bedplate remove top low
bedplate create --concise "$line"
expect_match '^top' bedplate ls --noheadings
same "line" "$(bedplate table --concise | tr ';' '\n' | cut -d, -f1)" "low
top"
bedplate remove top low

# All or none.
expect_fail 1 'too small' bedplate create --concise "one,,,rw,0 8 zero;two,,,rw,0 8 linear $DISK0 99999999999"
expect "" bedplate ls -q
expect_match 'would create one' bedplate create -n --concise 'one,,,rw,0 8 zero;two,,,rw,0 8 linear /dev/mapper/one 0'
