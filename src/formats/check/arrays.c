/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What checks of caches and eras share beyond the frame; it does not know what elements mean. */
#include "formats/check/arrays.h"

int check_arrays_init(struct check_arrays *a, struct check *c)
{
	*a = (struct check_arrays){ .c = c };
	return bits_init(&a->seen, c->meta.nr_blocks);
}

void check_arrays_done(struct check_arrays *a)
{
	bits_done(&a->seen);
}

static int on_damage(void *user, const struct bp_damage *damage)
{
	const struct check_arrays *a = user;
	struct bp_damage copy = *damage;

	copy.in_snapshot = a->again;
	check_report(a->c, copy, "%s%s", a->again ? "metadata snap: " : "", damage->what);
	return 0;
}

/* Is it known from a walk before? Else it is something now. */
static bool known(struct check_arrays *a, bp_mblock block, enum bp_damage_place place)
{
	if (block >= a->seen.count || block == 0)
		return false;
	if (a->again && bits_test(&a->seen, block))
		return true;
	bits_set(&a->seen, block);
	check_claim(a->c, block, place);
	return false;
}

/* A leaf's values: blocks of an array, which are something themselves, or roots. */
static int count_values(struct check_arrays *a, const struct loss_array *array,
			const struct walk_node *n, const struct walk_inner *inner)
{
	size_t size = array->value_size ? sizeof(le64) : array->tree_value_size;
	const uint8_t *value = inner->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n->nr; i++, value += size) {
		le64 block;

		memcpy(&block, value + (array->value_size ? 0 : a->root_offset), sizeof(block));
		r = check_count_root(a->c, le64_get(block));
		if (array->value_size)
			known(a, le64_get(block), array->place);
	}
	return r;
}

/* Pointers of an inner node; of leaves the blocks of values, which count_values() adds. */
static int count_node(struct check_arrays *a, const struct loss_array *array,
		      const struct forest *tree, const struct walk_node *n)
{
	const struct walk_inner *inner;
	int r = 0;

	if (known(a, n->block, array->place) || n->error || n->inner == WALK_NONE)
		return 0;
	inner = forest_inner(tree, n);
	if (n->flags & WALK_IS_LEAF)
		return count_values(a, array, n, inner);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = check_count_root(a->c, inner->children[i]);
	return r;
}

/*
 * A metadata snapshot's trees (again) share most nodes with the live ones: told and counted
 * once.
 */
static int on_tree(void *user, const struct loss_array *array, const struct forest *tree)
{
	const struct check_tree words = { array->place, array->name, array->elements };
	struct check_arrays *a = user;
	int r = 0;

	if (!a->again)
		check_report_shapes(a->c, tree, &words);
	a->c->incomplete |= tree->nr_unread > 0;
	for (size_t i = 0; r == 0 && i < tree->nodes.count; i++)
		r = count_node(a, array, tree, &tree->nodes.items[i]);
	return r;
}

struct loss_ears check_ears(struct check_arrays *a)
{
	return (struct loss_ears){ .report = on_damage, .tree = on_tree, .user = a };
}

/* Of formats with one space map. */
int check_metadata_map(struct check *c, const struct sm_root *root, struct check_map *map)
{
	*map = (struct check_map){
		.place = BP_PLACE_METADATA_SPACE_MAP,
		.name = "metadata space map",
		.blocks = "metadata",
		.counts = "metadata space map: reference count tree",
		.root = *root,
		.expected = &c->counts,
	};
	return check_maps(c, map, 1);
}
