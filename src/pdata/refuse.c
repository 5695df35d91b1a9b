/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies where a superblock was wanted, the same for all formats: zeros, or a file of which somebody thought that it was an
 * image. The words of the error itself are those that the known tools have.
 */
#include "pdata/refuse.h"

#include "core/context.h"
#include "io/begins.h"
#include "pdata/block.h"

#include <stdio.h>

void superblock_cause(struct bp_ctx *ctx, const void *data)
{
	const struct begins *is = begins_as_disk(data);

	if (!is)
		return;
	error_set_cause(ctx, "no metadata, but something else: %s", is->what);
	error_set_hint(ctx, "'bedplate rescue' of the same file tells what to do with it");
}

void superblock_cause_of(struct bp_ctx *ctx, struct io *io)
{
	_cleanup_(freep) void *block = io_buffer_new(1);

	if (block && io_read(io, 0, 1, block) == 0)
		superblock_cause(ctx, block);
}

void superblock_warn(struct bp_ctx *ctx, struct io *io)
{
	_cleanup_(freep) void *block = io_buffer_new(1);
	const struct begins *is;

	if (!block || io_read(io, 0, 1, block) < 0)
		return;
	is = begins_as_disk(block);
	if (is)
		bp_warn(ctx, "no metadata, but something else: %s", is->what);
}

const char *superblock_remark(const void *data, char *buf, size_t size)
{
	const struct begins *is = begins_as_disk(data);

	if (block_is_zero(data))
		snprintf(buf, size, " (block 0 is all zeros)");
	else if (is)
		snprintf(buf, size, " (something else: %s)", is->what);
	else
		buf[0] = '\0';
	return buf;
}
