/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pre-flight: devices, and ranges of them, that are used twice in one table. Kernels don't look;
 * it is surely not meant, so it is warned of. Time grows with the square of a table's devices.
 */
#include "targets/grammar/check.h"

#include <ctype.h>

/* Two names of one device are one use: compared by number where it was found. */
static int add_use(struct check *check, struct device_use *use)
{
	struct bp_bdev bdev;

	use->segment = check->segment;
	use->name = arena_strdup(check_arena(check), use->name);
	use->dev = arena_strdup(check_arena(check), use->dev);
	if (!use->name || !use->dev)
		return -ENOMEM;
	use->found = check_bdev(check, use->dev, &bdev);
	use->major = bdev.major;
	use->minor = bdev.minor;
	return 0;
}

/* By number where both are found; a name alone may still be the same. */
static bool same_device(const struct device_use *a, const struct device_use *b)
{
	if (a->found && b->found)
		return a->major == b->major && a->minor == b->minor;
	return streq(a->dev, b->dev);
}

/* "legs.0.dev" and "legs.1.dev": elements of one list. */
static bool same_list(const char *a, const char *b)
{
	const size_t len = strcspn(a, ".");

	return len == strcspn(b, ".") && strncmp(a, b, len) == 0 && a[len] && b[len] &&
	       isdigit((unsigned char)a[len + 1]) && isdigit((unsigned char)b[len + 1]);
}

/* Members of one segment may well name one range (a delay's reads and writes). */
static bool collide(const struct device_use *a, const struct device_use *b)
{
	if (a->alone != b->alone || !same_device(a, b))
		return false;
	if (a->alone)
		return a->segment == b->segment;
	return a->start < b->end && b->start < a->end &&
	       (a->segment != b->segment || same_list(a->name, b->name));
}

/* Two uses of the same sectors: a fault for what should be redundant (alone), else only odd. */
static void tell(struct check *check, const struct device_use *use,
		 const struct device_use *other)
{
	if (use->alone)
		check_found(check, BP_SEVERITY_WARNING, use->name, "another device",
			    "it is %s as well: what is lost with one is lost with the other",
			    other->name);
	else if (other->segment != use->segment)
		check_found(check, BP_SEVERITY_WARNING, use->name, NULL,
			    "segment %d uses the same sectors of the device", other->segment);
	else
		check_found(check, BP_SEVERITY_WARNING, use->name, NULL,
			    "%s uses the same sectors of the device", other->name);
}

/* Report the first that is in the way, and remember this one. */
static void add(struct check *check, struct device_use *use)
{
	int r = add_use(check, use);

	for (size_t i = 0; r == 0 && i < check->uses.count; i++)
		if (collide(&check->uses.items[i], use)) {
			tell(check, use, &check->uses.items[i]);
			break;
		}
	if (r < 0 || vec_add(&check->uses, use) < 0)
		check->error = -ENOMEM;
}

/* A range that overflows is refused elsewhere. */
void check_use(struct check *check, const char *name, const char *dev, bp_sector start,
	       bp_sector length)
{
	struct device_use use = { .name = name, .dev = dev, .start = start };

	if (!dev || add_overflow(start, length, &use.end))
		return;
	add(check, &use);
}

/* Whatever else uses the device, it would be damaged by it or damage this. */
void check_alone(struct check *check, const char *name, const char *dev)
{
	struct device_use use = { .name = name, .dev = dev, .alone = true };

	if (dev)
		add(check, &use);
}
