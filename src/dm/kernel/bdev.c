/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices, and who uses them. */
#include <bedplate/bdev.h>

#include "core/strbuf.h"
#include "dm/kernel/engine.h"

int bp_bdev_get(struct bp_ctx *ctx, const char *which, struct bp_bdev *ret)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	r = dm->ops->bdev(dm->self, which, ret);
	if (r == 0)
		return 0;
	bp_fail(ctx, r, "'%s': %s", which,
		r == -ENXIO ? "no block device has this number" : strerrordesc_np(-r));
	if (r == -ENOENT || r == -ENOTBLK || r == -ENXIO)
		error_set_code(ctx, BP_E_NO_BLOCK_DEVICE);
	error_set_device(ctx, which);
	return r;
}

int bp_bdev_holders(struct bp_ctx *ctx, uint32_t major, uint32_t minor, struct bp_holder **ret,
		    size_t *ret_count)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	r = dm->ops->holders(dm->self, major, minor, ret, ret_count);
	return r < 0 ? bp_fail(ctx, r, "%u:%u: can't find who uses it", major, minor) : 0;
}

static void describe(const struct bp_holder *holder, struct strbuf *s)
{
	static const char *const formats[] = {
		[BP_HOLDER_MAPPED] = "mapped device '%s'",
		[BP_HOLDER_RAID] = "RAID array %s",
		[BP_HOLDER_LOOP] = "loop device %s",
		[BP_HOLDER_OTHER] = "block device %s",
		[BP_HOLDER_MOUNT] = "the mount on %s",
		[BP_HOLDER_SWAP] = "swap on %s",
		[BP_HOLDER_PROCESS] = "process %s",
		[BP_HOLDER_FILE] = "a file that process %s has open",
		[BP_HOLDER_SWAP_FILE] = "swap on the file %s",
	};
	const char *format = formats[holder->kind];
	const char *at = strstr(format, "%s");

	strbuf_add_len(s, format, (size_t)(at - format));
	strbuf_add(s, holder->name);
	strbuf_add(s, at + 2);
	if (holder->pid && holder->kind == BP_HOLDER_MOUNT)
		strbuf_addf(s, " (in the mount namespace of process %d)", holder->pid);
	else if (holder->pid)
		strbuf_addf(s, " (%d)", holder->pid);
}

void holders_explain(struct bp_ctx *ctx, struct dm *dm, uint32_t major, uint32_t minor)
{
	_cleanup_(freep) struct bp_holder *holders = NULL;
	struct strbuf s = { 0 };
	size_t count = 0;

	if (dm->ops->holders(dm->self, major, minor, &holders, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		strbuf_add(&s, i ? ", " : "");
		describe(&holders[i], &s);
	}
	if (count)
		error_set_cause(ctx, "used by %s", strbuf_text(&s));
	else
		error_set_cause(ctx, "who uses it can't be seen from here (another mount or "
				     "process namespace)");
	strbuf_done(&s);
}
