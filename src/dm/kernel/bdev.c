/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices, and who uses them. */
#include <bedplate/bdev.h>

#include <string.h>

#include "core/strbuf.h"
#include "dm/kernel/engine.h"

#include <string.h>

/* By path or "MAJOR:MINOR". */
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
		r == -ENXIO     ? "no block device has this number"
		: r == -ENOTBLK ? "it is no block device"
				: strerrordesc_np(-r));
	if (r == -ENOENT || r == -ENOTBLK || r == -ENXIO)
		error_set_code(ctx, BP_E_NO_BLOCK_DEVICE);
	if (r == -ENOTBLK)
		error_set_hint(ctx, "a file is made one by: losetup -f --show FILE (-r: "
				    "read-only)");
	error_set_device(ctx, which);
	return r;
}

/* As in sysfs: sda, dm-3. */
int bp_bdev_name(struct bp_ctx *ctx, uint32_t major, uint32_t minor, char *ret)
{
	char name[BP_NAME_SIZE];
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	if (dm->ops->bdev_name(dm->self, major, minor, name) < 0) {
		bp_fail(ctx, -ENXIO, "%u:%u: no block device has this number", major, minor);
		error_set_code(ctx, BP_E_NO_BLOCK_DEVICE);
		return -ENXIO;
	}
	memcpy(ret, name, BP_BDEV_NAME_SIZE);
	return 0;
}
_Static_assert(BP_BDEV_NAME_SIZE == BP_NAME_SIZE, "one size of names");

/* --- who uses one --- */

struct bp_holders {
	struct bp_holder *list; /* free() it */
	size_t count;
	char **texts;
};

/* %s: the name. */
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
	[BP_HOLDER_BCACHE] = "bcache device %s",
	[BP_HOLDER_LOOP_FILE] = "loop device %s, for a file on it",
	[BP_HOLDER_ABOVE] = "mapped device '%s' further up, which is suspended",
};

/* " (712, root: cat /dev/dm-0)" */
static void describe_process(const struct bp_holder *holder, struct strbuf *s)
{
	strbuf_addf(s, " (%d", holder->pid);
	if (holder->user[0])
		strbuf_addf(s, ", %s", holder->user);
	else if (holder->uid != BP_NO_UID)
		strbuf_addf(s, ", uid %u", holder->uid);
	if (holder->command[0])
		strbuf_addf(s, ": %s", holder->command);
	strbuf_add(s, ")");
}

/*
 * One phrase for each kind of holder, with what helps to find it: a mount in another
 * namespace has the process to enter it by.
 */
static void describe(const struct bp_holder *holder, struct strbuf *s)
{
	const char *format = formats[holder->kind];
	const char *at = strstr(format, "%s");

	strbuf_add_len(s, format, (size_t)(at - format));
	strbuf_add(s, holder->name);
	strbuf_add(s, at + 2);
	if (holder->partition[0])
		strbuf_addf(s, " of partition %s", holder->partition);
	if (holder->suspended && holder->kind == BP_HOLDER_MAPPED)
		strbuf_add(s, ", which is suspended");
	if (holder->pid && holder->kind == BP_HOLDER_MOUNT)
		strbuf_addf(s,
			    " (in the mount namespace of process %d: nsenter --mount --target "
			    "%d)",
			    holder->pid, holder->pid);
	else if (holder->pid)
		describe_process(holder, s);
}

static void holders_freep(struct bp_holders **holders)
{
	bp_holders_free(*holders);
}

/*
 * Everything that can be seen from here; texts are made at once, so that reading them can't
 * fail.
 */
int bp_holders_find(struct bp_ctx *ctx, uint32_t major, uint32_t minor, struct bp_holders **ret)
{
	_cleanup_(holders_freep) struct bp_holders *holders = calloc(1, sizeof(*holders));
	struct dm *dm;
	int r = holders ? dm_get(ctx, &dm) : bp_fail_memory(ctx);

	if (r < 0)
		return r;
	r = dm->ops->holders(dm->self, major, minor, &holders->list, &holders->count);
	if (r < 0)
		return bp_fail(ctx, r, "%u:%u: can't find who uses it", major, minor);
	holders->texts = calloc(holders->count + 1, sizeof(char *));
	for (size_t i = 0; holders->texts && i < holders->count; i++) {
		struct strbuf s = { 0 };

		describe(&holders->list[i], &s);
		if (strbuf_take(&s, &holders->texts[i]) < 0)
			return bp_fail_memory(ctx);
	}
	if (!holders->texts)
		return bp_fail_memory(ctx);
	*ret = steal(holders);
	return 0;
}

size_t bp_holders_count(const struct bp_holders *holders)
{
	return holders->count;
}

const struct bp_holder *bp_holders_get(const struct bp_holders *holders, size_t index)
{
	return index < holders->count ? &holders->list[index] : NULL;
}

const char *bp_holders_text(const struct bp_holders *holders, size_t index)
{
	return index < holders->count ? holders->texts[index] : NULL;
}

void bp_holders_free(struct bp_holders *holders)
{
	if (!holders)
		return;
	for (size_t i = 0; holders->texts && i < holders->count; i++)
		free(holders->texts[i]);
	free(holders->texts);
	free(holders->list);
	free(holders);
}

/* A failure to find holders must not replace the failure that is explained. */
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

/* For failures that come from other rooms, which know a path and EBUSY only. */
void bp_holders_tell(struct bp_ctx *ctx)
{
	const struct bp_error *error = bp_error_get(ctx);
	struct bp_bdev bdev;
	struct dm *dm;

	if (error->errnum != EBUSY || error->cause || !error->device || dm_get(ctx, &dm) < 0)
		return;
	if (strchr(error->device, '/') && dm->ops->bdev(dm->self, error->device, &bdev) == 0)
		holders_explain(ctx, dm, bdev.major, bdev.minor);
}

/* 0 where nobody uses it. */
int holders_refuse(struct bp_ctx *ctx, const struct bp_bdev *bdev, const char *hint)
{
	_cleanup_(holders_freep) struct bp_holders *holders = NULL;
	int r = bp_holders_find(ctx, bdev->major, bdev->minor, &holders);

	if (r < 0 || bp_holders_count(holders) == 0)
		return r;
	bp_fail(ctx, -EBUSY, "'%s': it is in use", bdev->path);
	error_set_code(ctx, BP_E_BUSY);
	error_set_device(ctx, bdev->path);
	bp_holders_tell(ctx);
	error_set_hint(ctx, "%s", hint);
	return -EBUSY;
}
