/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words and kinds for what array_walk() could not read. Nothing is read or judged here. */
#include "formats/loss.h"

#include <inttypes.h>
#include <stdio.h>

/* Errors of an array in the words that all checks share. */
enum bp_damage_kind loss_array_kind(enum array_error error, enum node_error node_error)
{
	static const enum bp_damage_kind kinds[ARRAY_ERRORS] = {
		[ARRAY_IO] = BP_DAMAGE_IO,
		[ARRAY_RANGE] = BP_DAMAGE_POINTER,
		[ARRAY_CSUM] = BP_DAMAGE_CHECKSUM,
		[ARRAY_KIND] = BP_DAMAGE_WRONG_KIND,
		[ARRAY_BLOCKNR] = BP_DAMAGE_MISPLACED,
		[ARRAY_VALUE_SIZE] = BP_DAMAGE_ARRAY_HEADER,
		[ARRAY_MAX_ENTRIES] = BP_DAMAGE_ARRAY_HEADER,
		[ARRAY_NR_ENTRIES] = BP_DAMAGE_ARRAY_SIZE,
		[ARRAY_MISSING] = BP_DAMAGE_ARRAY_SIZE,
		[ARRAY_EXTRA] = BP_DAMAGE_ARRAY_SIZE,
	};

	return error == ARRAY_TREE ? check_kind_of(node_error) : kinds[error];
}

/* "mapping array: block 10: bad checksum in array block", whatever is wrong. */
static void describe(const struct loss_array *array, const struct loss *loss, char *to,
		     size_t size)
{
	if (loss->error == ARRAY_MISSING)
		snprintf(to, size, "%s: parts of it have no entry in its tree", array->name);
	else if (loss->error == ARRAY_TREE)
		snprintf(to, size, "%s: node %" PRIu64 " of its tree: %s", array->name,
			 loss->block, node_error_name(loss->node_error));
	else
		snprintf(to, size, "%s: block %" PRIu64 ": %s", array->name, loss->block,
			 array_error_name(loss->error));
}

/* In elements, not entries: an entry may be 64 bits of a bitset. */
static struct bp_damage damage_of(const struct loss_array *array, const struct loss *loss)
{
	struct bp_damage damage =
		DAMAGE(.kind = loss_array_kind(loss->error, loss->node_error),
		       .harm = BP_HARM_FATAL, .place = array->place, .device = array->device);

	if (loss->error != ARRAY_MISSING)
		damage.block = loss->block;
	if (loss->begin < loss->end) {
		damage.begin = loss->begin * array->factor;
		damage.end = MIN(loss->end * array->factor, array->nr_told);
	}
	return damage;
}

/* Which elements are concerned belongs to the sentence, as callers may print nothing else. */
int loss_tell(const struct loss_array *array, const struct loss *loss, loss_fn report,
	      void *user)
{
	struct bp_damage damage = damage_of(array, loss);
	char what[256], all[400];

	describe(array, loss, what, sizeof(what));
	damage.what = what;
	if (damage.begin != BP_NONE) {
		snprintf(all, sizeof(all), "%s; affects %s %" PRIu64 "..%" PRIu64, what,
			 array->elements, damage.begin, damage.end - 1);
		damage.what = all;
	}
	return report(user, &damage);
}

int loss_fail(struct bp_ctx *ctx, const struct loss_array *array, const struct loss *loss)
{
	enum bp_damage_kind kind = loss_array_kind(loss->error, loss->node_error);
	int r = kind == BP_DAMAGE_IO ? -EIO : kind == BP_DAMAGE_CHECKSUM ? -EBADMSG : -EUCLEAN;
	char what[256];

	describe(array, loss, what, sizeof(what));
	return bp_fail(ctx, r, "%s", what);
}

/* --- reading an array --- */

struct reading {
	struct meta *meta;
	const struct loss_array *array;
	const struct array_reader *reader;
};

static int on_part(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct reading *rd = user;

	return rd->reader->part(rd->reader->user, begin, end, values);
}

/* Without ears the first loss is a failure. */
static int on_lost(void *user, uint64_t begin, uint64_t end, enum array_error error,
		   enum node_error node_error, bp_mblock block)
{
	const struct reading *rd = user;
	const struct loss_ears *ears = rd->reader->ears;
	const struct loss loss = { begin, end, error, node_error, block };
	int r;

	if (!ears->report)
		return loss_fail(rd->meta->ctx, rd->array, &loss);
	r = loss_tell(rd->array, &loss, ears->report, ears->user);
	if (r == 0 && rd->reader->lost && begin < end)
		r = rd->reader->lost(rd->reader->user, begin, end);
	return r;
}

static int on_child(void *user, bp_mblock block)
{
	const struct reading *rd = user;
	const struct loss_ears *ears = rd->reader->ears;

	return ears->child(ears->user, block);
}

static int on_tree(void *user, const struct forest *tree)
{
	const struct reading *rd = user;
	const struct loss_ears *ears = rd->reader->ears;

	return ears->tree(ears->user, rd->array, tree);
}

/* For those who read past damage; whoever can't takes no ears. */
int loss_array_read(struct meta *meta, const struct loss_array *array,
		    const struct array_reader *reader)
{
	struct reading rd = { .meta = meta, .array = array, .reader = reader };
	const struct array_visitor visitor = {
		.part = reader->part ? on_part : NULL,
		.lost = on_lost,
		.child = reader->ears->child ? on_child : NULL,
		.tree = reader->ears->tree ? on_tree : NULL,
		.user = &rd,
	};
	int r = array_walk(meta, array->root, array->nr, array->value_size, &visitor);

	return r == -ENOMEM ? bp_fail_memory(meta->ctx) : r;
}
