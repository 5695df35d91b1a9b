/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Older states of a pool, and how each differs from now. Reads only. */
#include "cli/out.h"
#include "commands/active.h"
#include "commands/source_opts.h"

#include <bedplate/history.h>

#include <inttypes.h>

struct args {
	const char *pool;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(pool, "POOL", "vg/pool, metadata device or file, image of a disk"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

struct row {
	uint64_t mapping_root, details_root, transaction_id, time, devices, mapped_blocks,
		broken;
	bool current, counted;
	char *changes;
};

static const struct out_column columns[] = {
	COL_NUMBER(struct row, mapping_root, OUT_DEFAULT, "its root of mapping trees"),
	COL_NUMBER(struct row, details_root, OUT_DEFAULT, "its root of device details"),
	COL_NUMBER(struct row, transaction_id, OUT_DEFAULT,
		   "the pool's; of older states the highest of their devices, which the pool's "
		   "was above"),
	COL_NUMBER(struct row, time, OUT_DEFAULT, "the pool's clock"),
	COL_NUMBER(struct row, devices, OUT_DEFAULT, "devices in it"),
	COL_NUMBER(struct row, mapped_blocks, OUT_DEFAULT, "data blocks mapped"),
	COL_NUMBER(struct row, broken, 0, "devices of which something can't be read any more"),
	COL_BOOL(struct row, current, 0, "it is the superblock's"),
	COL_BOOL(struct row, counted, OUT_DEFAULT, "a space map is left that proves it"),
	COL_TEXT(struct row, changes, OUT_DEFAULT,
		 "difference to now: + a volume deleted since (number, LVM's name, size, "
		 "mapped blocks), - one made since, ~ one that changed"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.history",
	.columns = columns,
	.none = "no state of a pool is intact",
};

struct devices {
	struct bp_thin_device *list;
	size_t count, size;
};

/* All of a state, as two states are compared. */
static int add_device(void *user, const struct bp_thin_device *device)
{
	struct devices *devices = user;

	if (devices->count == devices->size) {
		size_t size = devices->size ? 2 * devices->size : 64;
		void *list = realloc(devices->list, size * sizeof(*devices->list));

		if (!list)
			return -ENOMEM;
		devices->list = list;
		devices->size = size;
	}
	devices->list[devices->count++] = *device;
	return 0;
}

/* "+7 vm-1 96GiB (1523)": the size only of what is gone now. */
static void print_device(FILE *f, char sign, struct bp_history *history,
			 const struct bp_thin_device *device)
{
	char size[BP_SIZE_TEXT];
	uint64_t bytes = 0;
	const char *name;

	if (!device)
		return; /* an index behind the end: there is none such */
	name = bp_history_volume(history, device, &bytes);
	fprintf(f, "%s%c%" PRIu64, ftell(f) ? ", " : "", sign, device->id);
	if (name)
		fprintf(f, " %s", name);
	if (name && sign == '+')
		fprintf(f, " %s", bp_size_format(bytes, size));
	fprintf(f, " (%" PRIu64 ")", device->mapped_dblocks);
}

static bool same_volume(const struct bp_thin_device *a, const struct bp_thin_device *b)
{
	return a && b && a->transaction_id == b->transaction_id &&
	       a->creation_time == b->creation_time;
}

/*
 * Both lists are sorted by id. An id that was used again is another volume: both lines are
 * printed.
 */
static void print_changes(FILE *f, struct bp_history *history, const struct devices *then,
			  const struct devices *now)
{
	size_t i = 0, k = 0;

	while (i < then->count || k < now->count) {
		const struct bp_thin_device *x = i < then->count ? &then->list[i] : NULL;
		const struct bp_thin_device *y = k < now->count ? &now->list[k] : NULL;

		if (x && y && x->id == y->id && same_volume(x, y)) {
			if (x->root != y->root)
				print_device(f, '~', history, x);
			i++;
			k++;
		} else if (x && (!y || x->id <= y->id)) {
			print_device(f, '+', history, x);
			i++;
		} else {
			print_device(f, '-', history, y);
			k++;
		}
	}
}

/*
 * Compared with the newest state, not with the one before: that is what a rollback would
 * change.
 */
static int add_row(struct out *out, struct bp_history *history, size_t index,
		   const struct devices *now)
{
	const struct bp_history_state *state = bp_history_get(history, index);
	struct devices then = { 0 };
	struct row row = {
		.mapping_root = state->mapping_root,
		.details_root = state->details_root,
		.transaction_id = state->transaction_id,
		.time = state->time,
		.devices = state->nr_devices,
		.mapped_blocks = state->nr_mappings,
		.broken = state->nr_broken,
		.current = state->current,
		.counted = state->counted,
	};
	int r = bp_history_devices(history, index, add_device, &then);
	size_t len;
	FILE *f = open_memstream(&row.changes, &len);

	if (f && r == 0) {
		if (index == 0)
			fprintf(f, state->current ? "now" : "the newest");
		else
			print_changes(f, history, &then, now);
	}
	if (!cli_text_end(f, &row.changes) && r == 0)
		r = -ENOMEM;
	if (r == 0)
		out_add(out, NULL, &row);
	free(row.changes);
	free(then.list);
	return r;
}

/* The newest comes first. */
static int add_rows(struct out *out, struct bp_history *history)
{
	struct devices now = { 0 };
	int r = 0;

	if (bp_history_count(history))
		r = bp_history_devices(history, 0, add_device, &now);
	for (size_t i = 0; r == 0 && i < bp_history_count(history); i++)
		r = add_row(out, history, i, &now);
	free(now.list);
	return r;
}

/* @ret_count: of the states. */
static int list(struct out *out, struct bp_source *source, size_t *ret_count)
{
	struct bp_history *history;
	int r = bp_history(source, &history);

	if (r == 0) {
		*ret_count = bp_history_count(history);
		r = add_rows(out, history);
		bp_history_free(history);
	}
	return r;
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_source_opts o = source_opts(cli);
	const char *pool = args->pool;
	struct active_pool active;
	struct bp_source *source;
	size_t count = 0;
	struct out *out;
	int r = out_open(cli, &args->out, &schema, &out);

	if (r || !out)
		return r;
	r = active_source(cli, &active, &pool, &o);
	if (r) {
		out_free(out);
		return r;
	}
	r = bp_source_open(cli->ctx, pool, &o, &source);
	if (r == 0) {
		r = list(out, source, &count);
		bp_source_close(source);
	}
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, args->pool, r);
	}
	if (!count && cli->json)
		cli_failf(cli, args->pool, NULL, "%s", schema.none);
	r = out_print(out);
	return r == EXIT_OK && !count ? EXIT_FAILED
				      : r; /* a pool has at least the state it is in */
}

const struct cmd cmd_history = {
	.name = "history",
	.group = "Rescue",
	.summary = "List older states of a pool that are still intact in its metadata.",
	.examples = "  bedplate history vg/pool --pv disk.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
