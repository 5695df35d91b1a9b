/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library can, and the front never asks of it: reading a pool's metadata, to find an id for
 * a new volume. Told here as absent, it keeps the metadata engine, and four libraries, out of the
 * front. These are found before the library's own, whose file is left out then. They say no why: who
 * asks them drops it, and goes on without knowing the ids.
 */
#include <bedplate/context.h>
#include <bedplate/thin.h>

#include <errno.h>

int bp_thin_open(struct bp_ctx *ctx, const char *path, const struct bp_thin_open_opts *opts,
		 struct bp_thin_meta **ret)
{
	(void)ctx;
	(void)path;
	(void)opts;
	(void)ret;
	return -EOPNOTSUPP;
}

int bp_thin_devices(struct bp_thin_meta *meta,
		    int (*device)(void *user, const struct bp_thin_device *device), void *user)
{
	(void)meta;
	(void)device;
	(void)user;
	return -EOPNOTSUPP;
}

void bp_thin_close(struct bp_thin_meta *meta)
{
	(void)meta;
}
