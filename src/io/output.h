/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guards of whatever is written, in one place. Every way out has to pass these:
 *
 *	guard					metadata in place	text, packs
 *	not an input, by any of its names	output_refuse_input()	bp_output_new()
 *	a device nobody uses (O_EXCL)		io_open(IO_OUTPUT)	bp_output_write()
 *	touched when the input proved good	the caller's order	bp_output_write()
 *	the old stays until the new is whole	no: zeroed first	bp_output_commit()
 *	plainly not whole when interrupted	build_init(), _finish()	no name, no end tag
 *	every write, flush and close looked at	build.c			output.c
 */
#ifndef IO_OUTPUT_H
#define IO_OUTPUT_H

#include <bedplate/output.h>

#include "core/context.h"

/*
 * Refuse @output where it is what is read as well: the same file by another name, another node
 * of the same device, a loop device and its file. @fd: of the input; -1: @input is its path.
 * What can't be looked at passes; opening it will say why. 0, or -EINVAL with BP_E_USAGE.
 */
int output_refuse_input(struct bp_ctx *ctx, int fd, const char *input, const char *output);

#endif
