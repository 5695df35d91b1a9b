/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A context on the kernel in memory, with disks. Promised: nothing of the machine is asked, and no
 * variable that moves nodes elsewhere counts.
 */
#ifndef LIB_FAKE_CTX_H
#define LIB_FAKE_CTX_H

#include "unit.h"

#include <bedplate/bedplate.h>

#include "fake/ops_fake.h"

#define MIB ((bp_bytes)1 << 20)

struct fake_disk {
	const char *path;
	bp_bytes size_bytes;
};

/* Numbers are 8:0, 8:16 and on, by the order of @disks; it ends where a path is NULL. */
static inline void fake_ctx(struct bp_ctx **ret_ctx, struct fake **ret_fake,
			    const struct fake_disk *disks)
{
	unsetenv("DM_DEV_DIR");
	assert_ok(bp_ctx_new(ret_ctx));
	assert_ok(fake_new(*ret_ctx, ret_fake));
	for (unsigned i = 0; disks[i].path; i++)
		assert_ok(fake_add_bdev(*ret_fake, disks[i].path, 8, i * 16,
					disks[i].size_bytes));
}

#endif
