/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps: bytes of a volume that lie elsewhere. A map answers one question, "where are the bytes at
 * this offset", with a piece: a stretch of one or more images, zeros, or nothing readable. Maps
 * lie on maps (a thin volume on a cached LV on two disks); nothing is held for each piece, so a
 * map of any size takes no memory of its own.
 *
 * Maps are made by whoever knows a way of mapping: lvm for logical volumes, rescue for thin
 * volumes, caches and snapshots.
 */
#ifndef IO_MAP_H
#define IO_MAP_H

#include "io/raw_image.h"

struct io;
struct map;

#define MAP_COPIES_MAX 64

enum map_kind {
	MAP_ZERO,    /* nothing was ever written */
	MAP_DATA,    /* each place has it: the first that can be read counts */
	MAP_XOR,     /* it is the exclusive or of all places */
	MAP_MISSING, /* it can't be read: @why */
};

struct map_place {
	const struct raw_image *image;
	bp_bytes offset;
};

/* Where the bytes from some offset on are. */
struct map_piece {
	enum map_kind kind;
	bp_bytes length;
	unsigned nr_places;
	struct map_place places[MAP_COPIES_MAX];
	const char *why; /* MAP_MISSING: in a few words; lent by the map */
};

struct map_ops {
	/*
	 * Where the bytes at @at are; @ret->length is at most @max, and at least 1. @at lies
	 * inside, @max is not 0. Returns 0 or -errno (-ENOMEM, or what reading a structure that
	 * maps gave). Safe from several threads.
	 */
	int (*locate)(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret);
	void (*free)(struct map *map);
};

/* What every kind begins with. */
struct map {
	const struct map_ops *ops;
	bp_bytes size;
};

void map_free(struct map *map); /* NULL is allowed */

static inline void map_freep(struct map **map)
{
	map_free(*map);
}

/*
 * The piece at @at, at most @max bytes. Pieces past the end are MAP_ZERO. Neighbouring pieces that
 * continue each other come as one up to @max.
 */
int map_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret);

/* The whole of an image, from @offset on. */
int map_image_new(const struct raw_image *image, bp_bytes offset, bp_bytes size,
		  struct map **ret);

/*
 * The read-only bytes of @piece from its start, @len of them, at most its length. Copies are
 * tried in order. -ENODATA: MAP_MISSING.
 */
int map_piece_read(const struct map_piece *piece, size_t len, void *buf);

/* Read across pieces. -ENODATA: part of it is missing; -ERANGE: past the end. */
int map_read(struct map *map, bp_bytes at, size_t len, void *buf);

/*
 * A map as metadata to read. Where several copies of a block differ, the first that @good accepts
 * is taken (the first of all where none does): so two damaged mirror legs make up for each other.
 * @good: may be NULL. Takes over @take_map on success. Writing is refused.
 */
typedef bool (*map_good_fn)(bp_mblock block, const void *data);
int map_io_new(struct map *take_map, map_good_fn good, struct io **ret);

/*
 * Of copies that are all good, and differ, the one that is of the newest time is taken first from now on, as block 0
 * tells it: @cmp of two good copies of that, above 0 where @a is newer.
 */
void map_io_prefer(struct io *io, int (*cmp)(const void *a, const void *b));

/* Is none of it missing? True of any other io. */
bool map_io_is_whole(struct io *io);

/* From now on block 0 of such an io reads as something that is no metadata: what lies there is not believed. */
void map_io_hide_first(struct io *io);

/*
 * From now on read every copy, and count the blocks of which one copy is good and another differs
 * or can't be read; of what was read, each once. Of any other io: nothing. Memory: a byte a block.
 * 0, -ENOMEM.
 */
int map_io_compare(struct io *io);
uint64_t map_io_differing(struct io *io);

#endif
