/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A picture of a pool's data, or of one volume. Reads only. */
#include "cli/out.h"
#include "commands/active.h"
#include "commands/map_picture.h"
#include "commands/source_opts.h"
#include "commands/text_out.h"

#include <bedplate/source.h>

#include <inttypes.h>

struct args {
	const char *pool, *volume, *svg;
	uint64_t cells;
	bool term;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(pool, "POOL", "vg/pool, metadata device or file, image of a disk"),
	OPT_STRING(volume, 0, "volume", "ID|NAME", "the address range of this volume, not the data of the pool"),
	OPT_STRING(svg, 0, "svg", "FILE", "write the picture as SVG; -: to standard output"),
	OPT_FLAG(term, 0, "term", "draw it in letters, as without --svg"),
	OPT_CONFLICT("term", "svg"),
	OPT_RANGE(cells, 1, BP_THIN_CELLS_MAX, 0, "cells", "N", "how many cells at most; default 1024"),
	OPT_END
};
/* clang-format on */

static const struct out_column columns[] = {
	COL_NUMBER(struct bp_thin_cell, begin, OUT_DEFAULT,
		   "first block: of the pool's data, or of the volume"),
	COL_NUMBER(struct bp_thin_cell, dblocks, OUT_DEFAULT, "data blocks in the cell"),
	COL_NUMBER(struct bp_thin_cell, exclusive_dblocks, OUT_DEFAULT, "of these mapped once"),
	COL_NUMBER(struct bp_thin_cell, shared_dblocks, OUT_DEFAULT,
		   "of these mapped more than once"),
	COL_NUMBER(struct bp_thin_cell, fragments, OUT_DEFAULT,
		   "of a volume: runs of mappings that begin in it"),
	COL_NUMBER(struct bp_thin_cell, device, OUT_DEFAULT,
		   "id of the volume that has the most of what is mapped once"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.map",
	.columns = columns,
	.none = "nothing to draw",
};

struct map {
	struct cli *cli;
	const struct args *args;
	struct bp_thin_meta *meta;
	struct bp_source_volumes *volumes;
	struct bp_thin_cells_opts opts;
	struct map_picture picture;
	struct bp_thin_cell *cells; /* picture.nr_cells of size_cells */
	size_t size_cells;
	struct map_owner *owners;
	char *title;
};

/* --- collecting --- */

/* At most as many as were asked for; the list grows by doubling. */
static int add_cell(void *user, const struct bp_thin_cell *cell)
{
	struct map *m = user;

	if (m->picture.nr_cells == m->size_cells) {
		size_t size = m->size_cells ? 2 * m->size_cells : 1024;
		void *cells = realloc(m->cells, size * sizeof(*m->cells));

		if (!cells)
			return -ENOMEM;
		m->cells = cells;
		m->size_cells = size;
	}
	m->cells[m->picture.nr_cells++] = *cell;
	return 0;
}

static const struct bp_source_volume *volume_by_id(const struct map *m, uint64_t id)
{
	for (size_t i = 0; i < bp_source_volumes_count(m->volumes); i++) {
		const struct bp_source_volume *v = bp_source_volumes_get(m->volumes, i);

		if (v->has_id && v->id == id)
			return v;
	}
	return NULL;
}

static const char *name_of(const struct map *m, uint64_t id)
{
	const struct bp_source_volume *v = volume_by_id(m, id);

	return v ? v->name : NULL;
}

/* Few volumes own cells that are seen: a plain search does. */
static int add_owner(struct map *m, uint64_t id)
{
	struct map_owner *owners;
	size_t i = 0;

	while (i < m->picture.nr_owners && m->owners[i].id != id)
		i++;
	if (i == m->picture.nr_owners) {
		owners = realloc(m->owners, (i + 1) * sizeof(*owners));
		if (!owners)
			return -ENOMEM;
		m->owners = owners;
		owners[i] = (struct map_owner){ .id = id };
		m->picture.nr_owners++;
		if (name_of(m, id) && !(owners[i].name = cli_visible(name_of(m, id))))
			return -ENOMEM;
	}
	m->owners[i].cells++;
	return 0;
}

static int by_cells(const void *a, const void *b)
{
	const struct map_owner *x = a, *y = b;

	if (x->cells != y->cells)
		return x->cells > y->cells ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Largest first, as letters and colours are few. */
static int find_owners(struct map *m)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->picture.nr_cells; i++)
		if (map_kind(&m->cells[i]) == MAP_OWNED)
			r = add_owner(m, m->cells[i].device);
	if (r == 0 && m->picture.nr_owners)
		qsort(m->owners, m->picture.nr_owners, sizeof(*m->owners), by_cells);
	return r;
}

/* --- which volume --- */

static bool is_number(const char *word, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(word, &end, 10);
	return *word >= '0' && *word <= '9' && *end == '\0' && errno == 0;
}

/* 0, or an exit status. */
static int choose_volume(struct map *m)
{
	const char *word = m->args->volume;
	const struct bp_source_volume *found = NULL;
	uint64_t id;

	for (size_t i = 0; i < bp_source_volumes_count(m->volumes); i++) {
		const struct bp_source_volume *v = bp_source_volumes_get(m->volumes, i);

		if (v->has_id && v->in_pool && v->name && streq(v->name, word))
			found = v;
	}
	if (found)
		id = found->id;
	else if (!is_number(word, &id))
		return cli_failf(m->cli, word, "bedplate du POOL lists them",
				 "the pool has no volume of that name");
	m->opts.of_volume = true;
	m->opts.volume = id;
	found = found ? found : volume_by_id(m, id);
	if (found)
		m->opts.volume_dblocks = found->size_bytes / m->picture.block_bytes;
	return 0;
}

static int make_title(struct map *m)
{
	const char *name = m->opts.of_volume ? name_of(m, m->opts.volume) : NULL;
	_cleanup_(freep) char *title = NULL;
	int n = m->opts.of_volume
			? asprintf(&title, "%s, volume %" PRIu64 "%s%s", m->args->pool,
				   m->opts.volume, name ? " " : "", name ? name : "")
			: asprintf(&title, "%s", m->args->pool);

	if (n < 0)
		title = NULL;
	/* It begins with what the file is called. */
	m->title = title ? cli_visible(title) : NULL;
	m->picture.title = m->title;
	return m->title ? 0 : -ENOMEM;
}

/* --- showing --- */

static int print_svg(FILE *f, const void *args)
{
	const struct map *m = args;

	map_print_svg(f, &m->picture);
	return 0;
}

/* Programs get the numbers, not the picture. */
static int show_rows(struct map *m)
{
	struct out *out;
	int r = out_open(m->cli, NULL, &schema, &out);

	if (r || !out)
		return r;
	for (size_t i = 0; i < m->picture.nr_cells; i++)
		out_add(out, NULL, &m->cells[i]);
	return out_print(out);
}

/* To a terminal letters, to a file a picture. */
static int show(struct map *m)
{
	const struct text_out svg = {
		.cli = m->cli,
		.input = m->args->pool,
		.output = m->args->svg && !streq(m->args->svg, "-") ? m->args->svg : NULL,
		.print = print_svg,
		.args = m,
	};

	m->picture.cells = m->cells;
	m->picture.owners = m->owners;
	m->picture.of_volume = m->opts.of_volume;
	if (m->args->svg)
		return text_out(&svg);
	if (m->cli->json)
		return show_rows(m);
	map_print(m->cli->out, &m->picture);
	return EXIT_OK;
}

/* 0 or -errno; *@ret_status: how it ended where that is 0. */
static int draw(struct map *m, int *ret_status)
{
	int r;

	*ret_status = m->args->volume ? choose_volume(m) : 0;
	if (*ret_status)
		return 0;
	r = bp_thin_cells(m->meta, &m->opts, add_cell, m);
	if (r == 0)
		r = find_owners(m);
	if (r == 0)
		r = make_title(m);
	if (r == 0)
		*ret_status = show(m);
	return r;
}

/* Titles and owners are named by the source. */
static int with_source(struct map *m, struct bp_source *source, int *ret_status)
{
	int r = bp_source_thin_open(source, NULL, &m->meta);

	if (r < 0)
		return r;
	m->picture.block_bytes = bp_sector_to_bytes(
		(uint64_t)bp_thin_superblock_get(m->meta)->data_block_sectors);
	r = bp_source_volumes(source, &m->volumes);
	if (r == 0) {
		r = draw(m, ret_status);
		bp_source_volumes_free(m->volumes);
	}
	bp_thin_close(m->meta);
	return r;
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct map m = {
		.cli = cli,
		.args = args,
		.opts = { .size = sizeof(m.opts), .nr_cells = (size_t)args->cells },
	};
	struct bp_source_opts o = source_opts(cli);
	const char *pool = args->pool;
	struct active_pool active;
	struct bp_source *source;
	int r, status;

	if (args->term && cli->json)
		return cli_usage(cli, "--json and --term: one is numbers, the other a picture");
	status = active_source(cli, &active, &pool, &o);
	if (status)
		return status;
	r = bp_source_open(cli->ctx, pool, &o, &source);
	if (r == 0) {
		r = with_source(&m, source, &status);
		bp_source_close(source);
	}
	free(m.cells);
	for (size_t i = 0; i < m.picture.nr_owners; i++)
		free(m.owners[i].name);
	free(m.owners);
	free(m.title);
	return r < 0 ? cli_fail(cli, args->pool, r) : status;
}

const struct cmd cmd_map = {
	.name = "map",
	.group = "Rescue",
	.summary = "Draw a pool's data, or one volume: whose each part is, shared, free.",
	.examples = "  bedplate map vg/pool --volume home --svg home.svg\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
