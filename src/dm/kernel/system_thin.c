/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies on a pool's metadata device, by the library's own reader of that format. Promises to
 * read only what the held snapshot refers to, which the kernel leaves alone.
 */
#include "dm/kernel/ops_system.h"

int system_thin_devices(void *self, struct bp_ctx *ctx, const char *metadata,
			int (*device)(void *user, const struct bp_thin_device *device),
			void *user)
{
	const struct bp_thin_open_opts opts = {
		.size = sizeof(opts),
		.flags = BP_THIN_OPEN_SNAP,
		.workers = 1, /* few blocks are read */
	};
	struct bp_thin_meta *meta;
	int r = bp_thin_open(ctx, metadata, &opts, &meta);

	(void)self;
	if (r < 0)
		return r;
	r = bp_thin_devices(meta, device, user);
	bp_thin_close(meta);
	return r;
}
