/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of targets, and what is asked of one as a whole. */
#include "targets/grammar/target.h"
#include "core/context.h"
#include "core/near.h"
#include "core/opts.h"
#include "targets/target_list.h" /* made by meson from its list */

#include <inttypes.h>
#include <stdio.h>

TARGET_DECLARATIONS

const struct bp_target *const targets[] = { TARGET_LIST };
const size_t targets_count = ARRAY_SIZE(targets);

static const char *next_name(void *user)
{
	size_t *i = user;

	return *i < targets_count ? targets[(*i)++]->name : NULL;
}

const char *target_near(const char *name)
{
	size_t i = 0;

	return near_word(name, next_name, &i);
}

const struct bp_target *bp_target_get(const char *name)
{
	for (size_t i = 0; i < targets_count; i++)
		/* Most differ in the first byte: this is on the way of every query. */
		if (targets[i]->name[0] == name[0] && streq(targets[i]->name, name))
			return targets[i];
	return NULL;
}

int bp_target_next(size_t *it, const struct bp_target **ret)
{
	if (*it >= targets_count)
		return 1;
	*ret = targets[(*it)++];
	return 0;
}

const char *bp_target_name(const struct bp_target *target)
{
	return target->name;
}

const char *bp_target_summary(const struct bp_target *target)
{
	return target->summary;
}

const char *bp_target_module(const struct bp_target *target)
{
	return target->module;
}

const char *bp_target_since(const struct bp_target *target)
{
	return target->since;
}

const char *bp_target_reprint(const struct bp_target *target)
{
	return target->reprint;
}

uint32_t bp_target_flags(const struct bp_target *target)
{
	return target->flags;
}

/* --- options --- */

struct bp_option_iter {
	struct arena arena;
	struct option_list options;
	size_t next;
};

/* Lists all options at once: the iterator only walks. */
static int iter_new(const struct arg *args, struct bp_option_iter **ret)
{
	struct bp_option_iter *iter = calloc(1, sizeof(*iter));

	if (!iter)
		return -ENOMEM;
	if (args && args_options(args, &iter->arena, &iter->options) < 0) {
		bp_option_iter_free(iter);
		return -ENOMEM;
	}
	*ret = iter;
	return 0;
}

int bp_option_iter_new(const struct bp_target *target, struct bp_option_iter **ret)
{
	return iter_new(target->args, ret);
}

int bp_status_field_iter_new(const struct bp_target *target, struct bp_option_iter **ret)
{
	return iter_new(target->status, ret);
}

int bp_option_next(struct bp_option_iter *iter, struct bp_option *ret)
{
	if (iter->next == iter->options.list.count)
		return 1;
	*ret = iter->options.list.items[iter->next++];
	return 0;
}

void bp_option_iter_free(struct bp_option_iter *iter)
{
	if (!iter)
		return;
	vec_done(&iter->options.list);
	arena_done(&iter->arena);
	free(iter);
}

/* --- devices --- */

const char *bp_dev_format(const struct bp_bdev *bdev, char *buf)
{
	snprintf(buf, BP_DEV_TEXT, "%" PRIu32 ":%" PRIu32, bdev->major, bdev->minor);
	return buf;
}

const char *maps_dev(const struct target_maps *maps, const void *params)
{
	const char *dev;

	memcpy(&dev, (const char *)params + maps->dev, sizeof(dev));
	return dev;
}

bp_sector maps_offset(const struct target_maps *maps, const void *params)
{
	bp_sector offset = 0;

	if (!maps->whole)
		memcpy(&offset, (const char *)params + maps->offset, sizeof(offset));
	return offset;
}

/* What is left of the device behind the offset. */
int length_of(const struct length_query *query, const char *dev, bp_sector offset,
	      bp_sector *ret)
{
	struct bp_bdev bdev = { 0 };
	bp_sector size;
	int r;

	if (!dev)
		return bp_fail(query->ctx, -EINVAL, "no device given, so no length follows");
	r = query->lookup(query->user, dev, &bdev);
	if (r < 0)
		return bp_fail(query->ctx, r, "%s: cannot look at the device: %s", dev,
			       strerror(-r));
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (offset >= size)
		return bp_fail(query->ctx, -ERANGE,
			       "%s: offset %" PRIu64 " is at or behind its end, %" PRIu64
			       " sectors",
			       dev, offset, size);
	*ret = size - offset;
	return 0;
}

/* Whole blocks behind the offset. */
int length_of_blocks(const struct length_query *query, const char *dev, bp_sector offset,
		     bp_bytes block_bytes, bp_sector *ret)
{
	const bp_sector sectors = bp_bytes_to_sector(block_bytes);
	bp_sector device;
	int r = length_of(query, dev, offset, &device);

	if (r < 0)
		return r;
	*ret = device - (sectors ? device % sectors : 0);
	return 0;
}

int length_none(const struct length_query *query, const char *why)
{
	return bp_fail(query->ctx, -ERANGE, "no length follows from the devices: %s", why);
}

/*
 * -ENODATA for targets whose length does not follow from devices (zero, error, thin): the
 * user has to say it.
 */
int bp_target_length(struct bp_ctx *ctx, const char *target, const void *params,
		     size_t params_size, bp_lookup_fn lookup, void *user,
		     bp_sector *ret_sectors)
{
	const struct length_query query = { ctx, lookup, user };
	const struct bp_target *t = bp_target_get(target);
	_cleanup_(arena_done) struct arena arena = { 0 };
	void *copy;
	int r;

	if (!t)
		return bp_fail(ctx, -ENOENT, "unknown target '%s'", target);
	if (!t->length && !t->maps.name)
		return bp_fail(ctx, -ENODATA, "%s: its length does not follow from a device",
			       target);
	copy = arena_alloc(&arena, t->size);
	if (!copy)
		return bp_fail_memory(ctx);
	r = params ? opts_copy(ctx, target, copy, t->size, params, params_size) : 0;
	if (r < 0)
		return r;
	return t->length ? t->length(&query, copy, ret_sectors)
			 : length_of(&query, maps_dev(&t->maps, copy),
				     maps_offset(&t->maps, copy), ret_sectors);
}
