/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding things in the fake kernel. */
#include "fake/fake.h"

#include <stdio.h>
#include <string.h>

struct fake_dev *fake_find_name(struct fake *fake, const char *name)
{
	for (size_t i = 0; i < fake->devs.count; i++)
		if (streq(fake->devs.items[i]->name, name))
			return fake->devs.items[i];
	return NULL;
}

struct fake_dev *fake_find_number(struct fake *fake, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; major == FAKE_MAJOR && i < fake->devs.count; i++)
		if (fake->devs.items[i]->minor == minor)
			return fake->devs.items[i];
	return NULL;
}

struct fake_dev *fake_find_uuid(struct fake *fake, const char *uuid)
{
	for (size_t i = 0; i < fake->devs.count; i++)
		if (fake->devs.items[i]->uuid[0] && streq(fake->devs.items[i]->uuid, uuid))
			return fake->devs.items[i];
	return NULL;
}

struct fake_bdev *fake_find_bdev(struct fake *fake, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < fake->bdevs.count; i++)
		if (fake->bdevs.items[i]->major == major &&
		    fake->bdevs.items[i]->minor == minor)
			return fake->bdevs.items[i];
	return NULL;
}

struct fake_bdev *fake_find_path(struct fake *fake, const char *path)
{
	for (size_t i = 0; i < fake->bdevs.count; i++)
		if (streq(fake->bdevs.items[i]->path, path))
			return fake->bdevs.items[i];
	return NULL;
}

const struct fake_node *fake_find_node(const struct fake *fake, const char *path)
{
	for (size_t i = 0; i < fake->nodes.count; i++)
		if (streq(fake->nodes.items[i].path, path))
			return &fake->nodes.items[i];
	return NULL;
}

/* Takes the escapes out of a word, as the kernel does. */
static void unescape(const char *word, char *ret, size_t size)
{
	size_t n = 0;

	for (; *word && n + 1 < size; word++) {
		if (*word == '\\' && word[1])
			word++;
		ret[n++] = *word;
	}
	ret[n] = '\0';
}

bp_sector fake_table_length(const struct fake_table *table)
{
	const struct fake_segment *last;

	if (!table || !table->segments.count)
		return 0;
	last = &table->segments.items[table->segments.count - 1];
	return last->start + last->length;
}

int fake_find_size(struct fake *fake, const char *word, struct bp_devno *ret_dev,
		   bp_sector *ret_sectors)
{
	const struct fake_node *node;
	struct bp_devno devno;
	struct fake_bdev *bdev;
	struct fake_dev *dev;
	char path[BP_NODE_SIZE];

	unescape(word, path, sizeof(path));
	bdev = fake_find_path(fake, path);
	node = bdev ? NULL : fake_find_node(fake, path);
	if (bdev)
		devno = (struct bp_devno){ bdev->major, bdev->minor };
	else if (node)
		devno = (struct bp_devno){ node->major, node->minor };
	else if (sscanf(path, "%u:%u", &devno.major, &devno.minor) != 2)
		return -ENODEV;
	bdev = fake_find_bdev(fake, devno.major, devno.minor);
	dev = fake_find_number(fake, devno.major, devno.minor);
	if (!bdev && !dev)
		return -ENXIO;
	*ret_dev = devno;
	*ret_sectors =
		bdev ? bp_bytes_to_sector(bdev->size_bytes) : fake_table_length(dev->live);
	return 0;
}

static bool pool_of(const struct fake_table *table, const struct fake_meta *meta)
{
	return table && table->segments.count && table->segments.items[0].meta == meta &&
	       streq(table->segments.items[0].target, "thin-pool");
}

const struct fake_dev *fake_pool_user(struct fake *fake, const struct fake_meta *meta,
				      const struct fake_dev *except)
{
	for (size_t i = 0; i < fake->devs.count; i++) {
		const struct fake_dev *dev = fake->devs.items[i];

		if (dev != except && (pool_of(dev->live, meta) || pool_of(dev->inactive, meta)))
			return dev;
	}
	return NULL;
}

static bool thin_of(const struct fake_table *table, const struct fake_meta *meta, uint64_t id)
{
	for (size_t i = 0; table && i < table->segments.count; i++)
		if (streq(table->segments.items[i].target, "thin") &&
		    table->segments.items[i].meta == meta &&
		    table->segments.items[i].thin_id == id)
			return true;
	return false;
}

bool fake_volume_open(struct fake *fake, const struct fake_meta *meta, uint64_t thin_id)
{
	for (size_t i = 0; i < fake->devs.count; i++)
		if (thin_of(fake->devs.items[i]->live, meta, thin_id) ||
		    thin_of(fake->devs.items[i]->inactive, meta, thin_id))
			return true;
	return false;
}

int fake_holds(const struct fake_table *table, const struct fake_dev *dev)
{
	for (size_t i = 0; table && i < table->segments.count; i++)
		for (size_t d = 0; d < table->segments.items[i].nr_devs; d++)
			if (table->segments.items[i].devs[d].major == FAKE_MAJOR &&
			    table->segments.items[i].devs[d].minor == dev->minor)
				return 1;
	return 0;
}

int fake_open_count(const struct fake *fake, const struct fake_dev *dev)
{
	int count = dev->opens;

	for (size_t i = 0; i < fake->devs.count; i++)
		count += fake_holds(fake->devs.items[i]->live, dev) +
			 fake_holds(fake->devs.items[i]->inactive, dev);
	return count;
}

struct fake_volume *fake_find_volume(const struct fake_meta *meta, uint64_t id)
{
	for (size_t i = 0; i < meta->volumes.count; i++)
		if (meta->volumes.items[i].id == id)
			return &meta->volumes.items[i];
	return NULL;
}
