/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pictures of a pool. Whose each block is, is found out as bp_thin_ls() does it; then the leaves
 * are read once more and each block is counted in its cell.
 */
#include <bedplate/thin_cells.h>

#include "core/opts.h"
#include "formats/thin/owning.h"

#include <inttypes.h>

#define CELLS_DEFAULT 1024u
#define TALLY_MAX     (UINT64_C(64) << 20) /* cells times devices */

struct cells {
	struct thin_owning own;
	struct bp_thin_cells_opts opts;
	struct bp_ctx *ctx;
	uint64_t nr;         /* cells */
	bp_dblock each;      /* blocks in a cell */
	struct bits counted; /* the pool: shared data blocks that have their place */
	uint32_t *tally;     /* and by cell and device: exclusive blocks */
	uint64_t next_data;  /* a volume: the data block that would continue the last run */
	struct bp_thin_cell *list;
};

static struct bp_thin_cell *cell_of(struct cells *c, uint64_t block)
{
	return &c->list[block / c->each];
}

/* --- the pool --- */

static void count_block(struct cells *c, bp_dblock block, uint32_t owner)
{
	if (thin_owning_is_exclusive(&c->own, block)) {
		cell_of(c, block)->exclusive_dblocks++;
		c->tally[block / c->each * c->own.devices.list.count + owner - 1]++;
	} else if (!bits_test_and_set(&c->counted, block)) {
		cell_of(c, block)->shared_dblocks++;
	}
}

static int add_data(void *user, const struct node *leaf, uint32_t owner)
{
	for (uint32_t i = 0; i < leaf->nr; i++)
		count_block(user, thin_mapping_block(node_value64(leaf, i)), owner);
	return 0;
}

/* The one with most blocks in it; of equal ones the lowest id. */
static void name_device(struct cells *c, uint64_t cell)
{
	size_t nr = c->own.devices.list.count;
	const uint32_t *tally = &c->tally[cell * nr];
	uint32_t most = 0;

	for (size_t d = 0; d < nr; d++)
		if (tally[d] > most) {
			most = tally[d];
			c->list[cell].device = c->own.devices.list.items[d].id;
		}
}

/* Who has the most. */
static void name_devices(struct cells *c)
{
	for (uint64_t i = 0; i < c->nr; i++)
		name_device(c, i);
}

/* Memory: a number a cell and device, at most TALLY_MAX. */
static int draw_pool(struct cells *c)
{
	uint64_t nr_tally = c->nr * c->own.devices.list.count;
	int r;

	if (nr_tally > TALLY_MAX)
		return bp_fail(c->ctx, -E2BIG,
			       "%" PRIu64 " cells of %zu devices are too many: at most %" PRIu64
			       " cells",
			       c->nr, c->own.devices.list.count,
			       TALLY_MAX / c->own.devices.list.count);
	c->tally = calloc_many(nr_tally + 1, sizeof(*c->tally));
	if (!c->tally || bits_init(&c->counted, c->own.nr_data_blocks) < 0)
		return bp_fail_memory(c->ctx);
	r = thin_owning_again(&c->own, THIN_OWNED_BY_ONE | THIN_OWNED_BY_SEVERAL, 1, add_data,
			      c);
	if (r == 0)
		name_devices(c);
	return r;
}

/* --- a volume --- */

/* A run that goes on where the last one ended is the same fragment. */
static int add_run(void *user, const struct bp_thin_run *run)
{
	struct cells *c = user;

	if (run->data_begin != c->next_data)
		cell_of(c, run->virtual_begin)->fragments++;
	c->next_data = run->data_begin + run->length;
	for (bp_dblock i = 0; i < run->length; i++) {
		struct bp_thin_cell *cell = cell_of(c, run->virtual_begin + i);

		if (thin_owning_is_exclusive(&c->own, run->data_begin + i))
			cell->exclusive_dblocks++;
		else
			cell->shared_dblocks++;
	}
	return 0;
}

static int draw_volume(struct cells *c)
{
	bp_dblock end = c->list[c->nr - 1].begin + c->list[c->nr - 1].dblocks;

	c->next_data = BP_NONE;
	return bp_thin_mappings(c->own.tm, c->opts.volume, 0, end, add_run, c);
}

/* --- the whole --- */

/* Without a size given, up to the last mapped block. */
static int find_volume(struct cells *c, bp_dblock *ret_total)
{
	struct bp_thin_device device;
	const struct walk_node *root;
	int r = bp_thin_device_find(c->own.tm, c->opts.volume, &device);

	*ret_total = c->opts.volume_dblocks;
	if (r < 0 || *ret_total)
		return r;
	root = forest_node(&c->own.forest, device.root);
	if (root->key_min <= root->key_max)
		*ret_total = root->key_max + 1;
	return 0;
}

/* Cells of equal size, but for the last. */
static int cut(struct cells *c, bp_dblock total)
{
	c->each = DIV_UP(total, c->opts.nr_cells ? c->opts.nr_cells : CELLS_DEFAULT);
	c->nr = c->each ? DIV_UP(total, c->each) : 0;
	c->list = calloc_many(c->nr + 1, sizeof(*c->list));
	if (!c->list)
		return bp_fail_memory(c->ctx);
	for (uint64_t i = 0; i < c->nr; i++) {
		c->list[i].begin = i * c->each;
		c->list[i].dblocks = MIN(c->each, total - i * c->each);
		c->list[i].device = c->opts.of_volume ? c->opts.volume : BP_NONE;
	}
	return 0;
}

/* A pool by its data blocks, a volume by its own. */
static int draw(struct cells *c)
{
	bp_dblock total = c->own.nr_data_blocks;
	int r = c->opts.of_volume ? find_volume(c, &total) : 0;

	if (r == 0)
		r = cut(c, total);
	if (r < 0 || c->nr == 0)
		return r;
	return c->opts.of_volume ? draw_volume(c) : draw_pool(c);
}

static void cells_done(struct cells *c)
{
	thin_owning_done(&c->own);
	bits_done(&c->counted);
	free(c->tally);
	free(c->list);
}

/* Cells in order, also empty ones. */
int bp_thin_cells(struct bp_thin_meta *meta, const struct bp_thin_cells_opts *opts,
		  int (*cell)(void *user, const struct bp_thin_cell *cell), void *user)
{
	struct cells c = { .ctx = meta->meta.ctx };
	int r = opts_read(c.ctx, &c.opts, sizeof(c.opts), opts);

	if (r == 0 && c.opts.nr_cells > BP_THIN_CELLS_MAX)
		r = bp_fail(c.ctx, -EINVAL, "%zu cells are too many: at most %u",
			    c.opts.nr_cells, BP_THIN_CELLS_MAX);
	if (r == 0)
		r = thin_owning_init(&c.own, meta);
	if (r == 0)
		r = thin_owning_read(&c.own, true);
	if (r == 0)
		r = draw(&c);
	for (uint64_t i = 0; r == 0 && i < c.nr; i++)
		r = cell(user, &c.list[i]);
	cells_done(&c);
	return r;
}
