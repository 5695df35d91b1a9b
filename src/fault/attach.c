/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A layer to put faults into, over a block device that is not mapped: linear, from end to end. Its
 * uuid tells whose it is, so that only such a one is ever taken away again.
 */
#include <inttypes.h>
#include <stdio.h>

#include <bedplate/targets.h>

#include "dm/kernel/engine.h"
#include "fault/fault.h"

#define UUID_PREFIX "BEDPLATE-fault-"

/* Linear over all of it: faults are cut into linear segments. */
static int layer_table(struct bp_ctx *ctx, const struct bp_bdev *bdev, struct bp_table **ret)
{
	bp_sector length = bp_bytes_to_sector(bdev->size_bytes);
	struct bp_linear linear;
	struct bp_table *table;
	char dev[32];
	int r;

	snprintf(dev, sizeof(dev), "%" PRIu32 ":%" PRIu32, bdev->major, bdev->minor);
	linear = (struct bp_linear){ .dev = dev };
	if (!length)
		return bp_fail(ctx, -EINVAL, "'%s': it has no size", bdev->path);
	r = bp_table_new(ctx, &table);
	if (r < 0)
		return r;
	r = bp_table_append(ctx, table, length, BP_PARAMS_LINEAR(&linear));
	if (r < 0) {
		bp_table_free(table);
		return r;
	}
	*ret = table;
	return 0;
}

/* A number as a device makes a name without colon. */
static int layer_name(struct bp_ctx *ctx, const char *device, const char *name, char *ret)
{
	const char *slash = strrchr(device, '/');
	int n = name ? snprintf(ret, BP_NAME_SIZE, "%s", name)
		     : snprintf(ret, BP_NAME_SIZE, "fault-%s", slash ? slash + 1 : device);

	for (char *p = ret; !name && *p; p++)
		if (*p == ':')
			*p = '-';
	if (n >= BP_NAME_SIZE)
		return bp_fail(ctx, -EINVAL, "name '%s': too long", ret);
	return 0;
}

/* The uuid says that the layer is ours, and of which device. */
int bp_fault_attach(struct bp_ctx *ctx, const char *device, const char *name,
		    const struct bp_fault_opts *opts, struct bp_device_info *ret)
{
	struct bp_create_opts create = { .size = sizeof(create) };
	struct bp_table *table = NULL;
	char own[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	struct bp_fault_opts o;
	struct bp_bdev bdev;
	int r = fault_opts_read(ctx, opts, &o);

	if (r == 0)
		r = bp_bdev_get(ctx, device, &bdev);
	if (r == 0)
		/* It would be used twice, by paths that don't know of one another. */
		r = holders_refuse(
			ctx, &bdev,
			"a layer goes under its users: stop them, attach, and let them "
			"use the new device");
	if (r == 0)
		r = layer_name(ctx, device, name, own);
	if (r == 0)
		r = layer_table(ctx, &bdev, &table);
	if (r < 0)
		return r;
	snprintf(uuid, sizeof(uuid), UUID_PREFIX "%" PRIu32 "-%" PRIu32, bdev.major,
		 bdev.minor);
	create.uuid = uuid;
	create.timeout_ms = o.timeout_ms;
	create.flags = bdev.read_only ? BP_CREATE_READ_ONLY : 0;
	r = bp_device_create(ctx, own, table, &create, ret);
	bp_table_free(table);
	return r;
}

/* Healed first: what is held back in it must go through. */
int bp_fault_detach(struct bp_ctx *ctx, const struct bp_devno *dev,
		    const struct bp_fault_opts *opts)
{
	struct bp_selector which = { .major = dev->major, .minor = dev->minor };
	struct bp_remove_opts how = { .size = sizeof(how), .flags = BP_REMOVE_RETRY };
	struct bp_device_info info;
	struct bp_fault_opts o;
	int r = fault_opts_read(ctx, opts, &o);

	if (r == 0)
		r = bp_device_info(ctx, &which, &info);
	if (r < 0)
		return r;
	if (!strstr(info.uuid, UUID_PREFIX)) { /* behind a scope's, where it is in one */
		bp_fail(ctx, -EINVAL, "device '%s': it is no layer of ours", info.name);
		error_set_hint(ctx,
			       "attach has made none of this name; bedplate remove removes "
			       "any device");
		return -EINVAL;
	}
	r = bp_fault_heal(ctx, dev, 0, opts, NULL);
	how.timeout_ms = o.timeout_ms ? o.timeout_ms : 5000;
	return r < 0 ? r : bp_device_remove(ctx, &which, &how, NULL);
}
