/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which devices have a leaf: sets that grow by one device at a time, the same set made once however
 * many leaves have it. So what snapshots share is looked at once, not once for each of them.
 *
 * Devices are given in rising order, all leaves of one before those of the next. A device that has
 * a leaf twice is in its set twice. Memory: 20 bytes a set; there are as many as there are
 * different ones among the leaves at any time, at most one for each leaf of each device.
 */
#ifndef FORMATS_THIN_OWNER_SETS_H
#define FORMATS_THIN_OWNER_SETS_H

#include "core/vec.h"

#define OWNER_SET_EMPTY 0u

/* That of one device alone; devices are told by their place in a list. */
static inline uint32_t owner_set_of(uint32_t device)
{
	return device + 1;
}

struct owner_set {
	uint32_t before, device; /* it is that one, and this device */
	uint32_t count;          /* devices */
	uint32_t next_device,
		next; /* the set with one more that was asked for last; 0: none was */
};

struct owner_sets {
	VEC(struct owner_set) list;
	uint32_t *devices; /* of the set that was listed last */
	uint32_t listed, most;
};

/* 0 or -ENOMEM. */
int owner_sets_init(struct owner_sets *s, size_t nr_devices);
void owner_sets_done(struct owner_sets *s);
/* *@set becomes the one with @device too: 0 or -ENOMEM. */
int owner_sets_add(struct owner_sets *s, uint32_t *set, uint32_t device);
/* When all were added, before the first is listed: 0 or -ENOMEM. */
int owner_sets_ready(struct owner_sets *s);
/* The devices of @set, rising; valid until the next call. */
const uint32_t *owner_sets_list(struct owner_sets *s, uint32_t set, uint32_t *ret_count);

#endif
