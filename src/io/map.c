/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all maps share: joining pieces, reading them, and metadata read through a map. Promises to
 * say -ENODATA for what is missing, never zeros in its place.
 */
#include "io/map.h"

#include "core/cpus.h"
#include "io/io.h"

void map_free(struct map *map)
{
	if (map)
		map->ops->free(map);
}

/* Does @next go on where @piece ends? */
static bool continues(const struct map_piece *piece, const struct map_piece *next)
{
	if (piece->kind != next->kind || piece->nr_places != next->nr_places)
		return false;
	for (unsigned i = 0; i < piece->nr_places; i++)
		if (piece->places[i].image != next->places[i].image ||
		    piece->places[i].offset + piece->length != next->places[i].offset)
			return false;
	return true;
}

static int locate_one(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	*ret = (struct map_piece){ .kind = MAP_ZERO, .length = max };
	if (at >= map->size)
		return 0;
	return map->ops->locate(map, at, MIN(max, map->size - at), ret);
}

int map_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	int r = locate_one(map, at, max, ret);

	while (r == 0 && ret->length < max) {
		struct map_piece next;

		r = locate_one(map, at + ret->length, max - ret->length, &next);
		if (r < 0 || !continues(ret, &next))
			break;
		ret->length += next.length;
	}
	/* What could not be looked at belongs to the next call, which tells of it. */
	return ret->length && r < 0 && ret->length < max ? 0 : r;
}

/* --- one image --- */

struct image_map {
	struct map map;
	const struct raw_image *image;
	bp_bytes offset;
};

static int image_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	const struct image_map *m = (const struct image_map *)(const void *)map;

	*ret = (struct map_piece){ .kind = MAP_DATA, .length = max, .nr_places = 1 };
	ret->places[0] = (struct map_place){ m->image, m->offset + at };
	return 0;
}

static void image_map_free(struct map *map)
{
	free(map);
}

static const struct map_ops image_ops = { .locate = image_locate, .free = image_map_free };

int map_image_new(const struct raw_image *image, bp_bytes offset, bp_bytes size,
		  struct map **ret)
{
	struct image_map *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->map = (struct map){ .ops = &image_ops, .size = size };
	m->image = image;
	m->offset = offset;
	*ret = &m->map;
	return 0;
}

/* --- reading --- */

/* Adds a place to what is rebuilt of a row's others and its parity. */
static int xor_place(const struct map_place *place, size_t len, uint8_t *buf, uint8_t *more)
{
	int r = raw_image_read(place->image, place->offset, len, more);

	if (r < 0)
		return r;
	for (size_t b = 0; b < len; b++)
		buf[b] ^= more[b];
	return 0;
}

/* A part of a row that can't be read is the xor of all others, parity included. */
static int read_xor(const struct map_piece *piece, size_t len, uint8_t *buf)
{
	_cleanup_(freep) uint8_t *more = malloc(len ? len : 1);
	int r = more ? 0 : -ENOMEM;

	memset(buf, 0, len);
	for (unsigned i = 0; r == 0 && i < piece->nr_places; i++)
		r = xor_place(&piece->places[i], len, buf, more);
	return r;
}

/*
 * Copies are tried in turn: the first that can be read is taken. Which of two readable
 * copies is right nobody knows here: see map_io_new().
 */
int map_piece_read(const struct map_piece *piece, size_t len, void *buf)
{
	int r = -ENODATA;

	switch (piece->kind) {
	case MAP_ZERO:
		memset(buf, 0, len);
		return 0;
	case MAP_XOR:
		return read_xor(piece, len, buf);
	case MAP_DATA:
		for (unsigned i = 0; r < 0 && i < piece->nr_places; i++)
			r = raw_image_read(piece->places[i].image, piece->places[i].offset, len,
					   buf);
		return r;
	case MAP_MISSING:
		break;
	}
	return r;
}

/* Across pieces: a range may lie on several disks. One that can't be read fails the whole. */
int map_read(struct map *map, bp_bytes at, size_t len, void *buf)
{
	uint8_t *p = buf;
	struct map_piece piece;
	int r;

	if (at > map->size || len > map->size - at)
		return -ERANGE;
	for (; len; len -= (size_t)piece.length) {
		r = map_locate(map, at, len, &piece);
		if (r == 0)
			r = map_piece_read(&piece, (size_t)piece.length, p);
		if (r < 0)
			return r;
		at += piece.length;
		p += piece.length;
	}
	return 0;
}

/* --- metadata through a map --- */

struct map_io {
	struct io io;
	struct map *map;
	map_good_fn good;
	uint8_t *
		differ; /* by block, of what was read: 1 where copies differ; NULL: not asked */
	bool hides_first;
	unsigned first; /* of copies, which is tried first; where there are fewer, the first */
};

static struct map_io *map_io_of(struct io *io)
{
	return (struct map_io *)(void *)io;
}

/* Take the first good copy. Where they are compared all of them are read. */
static bool take_good(const struct map_io *m, bp_mblock block, const struct map_piece *piece,
		      uint8_t *other, void *buf)
{
	bool found = false, differ = false;

	for (unsigned i = 0; i < piece->nr_places && (!found || m->differ); i++) {
		const struct map_place *place =
			&piece->places[(m->first + i) % piece->nr_places];
		bool read = raw_image_read(place->image, place->offset, IO_BLOCK, other) == 0;

		if (found) {
			differ |= !read || memcmp(buf, other, IO_BLOCK) != 0;
		} else if (read && m->good(block, other)) {
			memcpy(buf, other, IO_BLOCK);
			found = true;
		} else {
			differ = true;
		}
	}
	if (found && differ && m->differ)
		__atomic_store_n(&m->differ[block], 1, __ATOMIC_RELAXED);
	return found;
}

/* One block whose copies may differ: the first good one, else the first that can be read. */
static int read_copies(const struct map_io *m, bp_mblock block, const struct map_piece *piece,
		       void *buf)
{
	_cleanup_(freep) uint8_t *other = NULL;

	if (piece->kind != MAP_DATA || piece->nr_places < 2 || !m->good)
		return map_piece_read(piece, IO_BLOCK, buf);
	other = malloc(IO_BLOCK);
	if (!other)
		return -ENOMEM;
	if (take_good(m, block, piece, other, buf))
		return 0;
	return map_piece_read(piece, IO_BLOCK, buf);
}

/*
 * A block that lies in one piece may have copies, and is taken from the one that is good;
 * one across pieces is put together as it comes.
 */
static int read_block(const struct map_io *m, bp_mblock block, void *buf)
{
	bp_bytes at = bp_mblock_to_bytes(block);
	struct map_piece piece;
	int r = map_locate(m->map, at, IO_BLOCK, &piece);

	if (r < 0)
		return r;
	if (piece.length == IO_BLOCK)
		r = read_copies(m, block, &piece, buf);
	else
		r = map_read(m->map, at, IO_BLOCK, buf);
	return r == -ENODATA || r == -ERANGE ? -EIO : r;
}

/* A long run at once where there is but one place to read it from. */
static int read_run(const struct map_io *m, const struct io_run *run)
{
	size_t done = 0;

	while (done < run->count) {
		bp_bytes at = bp_mblock_to_bytes(run->first + done);
		uint8_t *to = (uint8_t *)run->buf + done * IO_BLOCK;
		struct map_piece piece;
		size_t blocks;
		int r = map_locate(m->map, at, (run->count - done) * IO_BLOCK, &piece);

		if (r < 0)
			return r;
		blocks = (size_t)(piece.length / IO_BLOCK);
		if (blocks && (piece.nr_places < 2 || !m->good)) {
			r = map_piece_read(&piece, blocks * IO_BLOCK, to);
			r = r == -ENODATA || r == -ERANGE ? -EIO : r;
		} else {
			blocks = 1;
			r = read_block(m, run->first + done, to);
		}
		if (r < 0)
			return r;
		done += blocks;
	}
	return 0;
}

static int map_io_read(struct io *io, const struct io_run *runs, size_t nr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		r = read_run(map_io_of(io), &runs[i]);
		if (r == 0 && runs[i].first == 0 && map_io_of(io)->hides_first)
			memset(runs[i].buf, 0xff, IO_BLOCK);
	}
	return r;
}

/* Of a piece with copies what any of them has. What has to be computed, or can't be read, is no hole. */
static void piece_data_next(const struct map_piece *piece, bp_bytes *ret_begin,
			    bp_bytes *ret_end)
{
	*ret_begin = piece->kind == MAP_ZERO ? piece->length : 0;
	*ret_end = piece->length;
	for (unsigned i = 0; piece->kind == MAP_DATA && i < piece->nr_places; i++) {
		bp_bytes begin, end;

		raw_image_data_next(piece->places[i].image, piece->places[i].offset,
				    piece->length, &begin, &end);
		if (i > 0 && begin >= *ret_begin)
			continue;
		*ret_begin = begin;
		*ret_end = end;
	}
}

static int map_io_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			    bp_mblock *ret_end)
{
	struct map *map = map_io_of(io)->map;
	bp_bytes size = bp_mblock_to_bytes(io->nr_blocks), begin = 0, end = size;
	struct map_piece piece;

	*ret_begin = *ret_end = io->nr_blocks;
	for (bp_bytes at = bp_mblock_to_bytes(from); at < size; at += piece.length) {
		if (map_locate(map, at, size - at, &piece) < 0)
			piece = (struct map_piece){ .kind = MAP_MISSING, .length = size - at };
		piece_data_next(&piece, &begin, &end);
		if (begin >= piece.length)
			continue;
		*ret_begin = (at + begin) / IO_BLOCK;
		*ret_end = DIV_UP(at + end, IO_BLOCK);
		break;
	}
	return 0;
}

static int map_io_write(struct io *io, const struct io_run *run)
{
	(void)io;
	(void)run;
	return -EROFS;
}

static int map_io_flush(struct io *io)
{
	(void)io;
	return -EROFS;
}

static void map_io_close(struct io *io)
{
	map_free(map_io_of(io)->map);
	free(map_io_of(io)->differ);
	free(io);
}

static const struct io_ops map_io_ops = {
	.name = "map",
	.read = map_io_read,
	.write = map_io_write,
	.flush = map_io_flush,
	.data_next = map_io_data_next,
	.close = map_io_close,
};

/*
 * @good tells a sound copy from one that is only readable: raid legs that are out of step
 * differ without any error of the disk.
 */
int map_io_new(struct map *take_map, map_good_fn good, struct io **ret)
{
	struct map_io *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->map = take_map;
	m->good = good;
	m->io = (struct io){
		.ops = &map_io_ops,
		.nr_blocks = bp_bytes_to_mblock(take_map->size),
		.batch_runs = 1,
		.workers = cpus_available(),
	};
	*ret = &m->io;
	return 0;
}

void map_io_prefer(struct io *io, int (*cmp)(const void *a, const void *b))
{
	uint8_t best[IO_BLOCK], other[IO_BLOCK];
	struct map_io *m = map_io_of(io);
	struct map_piece piece;
	bool found = false;

	if (!m->good || map_locate(m->map, 0, IO_BLOCK, &piece) < 0 || piece.kind != MAP_DATA ||
	    piece.length < IO_BLOCK)
		return;
	for (unsigned i = 0; i < piece.nr_places; i++) {
		const struct map_place *place = &piece.places[i];

		if (raw_image_read(place->image, place->offset, IO_BLOCK, other) < 0 ||
		    !m->good(0, other) || (found && cmp(other, best) <= 0))
			continue;
		memcpy(best, other, IO_BLOCK);
		m->first = i;
		found = true;
	}
}

bool map_io_is_whole(struct io *io)
{
	bp_bytes size = bp_mblock_to_bytes(io->nr_blocks);
	struct map_piece piece;

	for (bp_bytes at = 0; io->ops == &map_io_ops && at < size; at += piece.length)
		if (map_locate(map_io_of(io)->map, at, size - at, &piece) < 0 ||
		    piece.kind == MAP_MISSING)
			return false;
	return true;
}

void map_io_hide_first(struct io *io)
{
	map_io_of(io)->hides_first = true;
}

int map_io_compare(struct io *io)
{
	if (io->ops != &map_io_ops || map_io_of(io)->differ)
		return 0;
	map_io_of(io)->differ = calloc_many(io->nr_blocks + 1, 1);
	return map_io_of(io)->differ ? 0 : -ENOMEM;
}

uint64_t map_io_differing(struct io *io)
{
	const uint8_t *differ = io->ops == &map_io_ops ? map_io_of(io)->differ : NULL;
	uint64_t nr = 0;

	for (bp_mblock b = 0; differ && b < io->nr_blocks; b++)
		nr += differ[b];
	return nr;
}
