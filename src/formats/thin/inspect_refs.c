/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries of a block, and pointers to one. Pointers are looked for in all that was walked: nothing
 * is kept for them.
 */
#include "formats/thin/inspect.h"

typedef int (*ref_fn)(void *user, const struct bp_inspect_ref *ref);

struct search {
	bp_mblock block; /* looked for */
	ref_fn ref;
	void *user;
};

/* --- pointers --- */

static int found_field(const struct search *s, bp_mblock parent, bp_mblock pointer,
		       const char *field)
{
	const struct bp_inspect_ref ref = { .parent = parent, .field = field, .key = BP_NONE };

	return pointer == s->block && s->block != 0 ? s->ref(s->user, &ref) : 0;
}

/* By the names of the fields on disk. */
static int search_superblock(const struct search *s, const struct thin_sb *sb)
{
	const struct {
		bp_mblock pointer;
		const char *field;
	} fields[] = {
		{ sb->pub.mapping_root, "data_mapping_root" },
		{ sb->pub.details_root, "device_details_root" },
		{ sb->data_sm.bitmap_root, "data_space_map_root.bitmap_root" },
		{ sb->data_sm.ref_count_root, "data_space_map_root.ref_count_root" },
		{ sb->metadata_sm.bitmap_root, "metadata_space_map_root.bitmap_root" },
		{ sb->metadata_sm.ref_count_root, "metadata_space_map_root.ref_count_root" },
		{ sb->pub.metadata_snap, "held_root" },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
		r = found_field(s, sb->block, fields[i].pointer, fields[i].field);
	return r;
}

/* Only entries that the size of the metadata makes use of. */
static int search_index(const struct search *s, const struct bp_inspect *in)
{
	uint64_t nr = MIN(DIV_UP(in->live.metadata_sm.nr_blocks, SM_BITMAP_ENTRIES),
			  SM_INDEX_ENTRIES);
	int r = 0;

	for (uint32_t i = 0; in->index && r == 0 && i < nr; i++) {
		const struct bp_inspect_ref ref = {
			.parent = in->live.metadata_sm.bitmap_root,
			.entry = i,
			.key = i,
		};

		if (le64_get(in->index->entries[i].blocknr) == s->block)
			r = s->ref(s->user, &ref);
	}
	return r;
}

/* Where the value of a kept leaf's entry leads; 0: nowhere. */
static bp_mblock leaf_pointer(enum bp_inspect_tree tree, const struct walk_inner *inner,
			      uint32_t i)
{
	if (tree == BP_TREE_TOP_LEVEL)
		return le64_get(((const le64 *)inner->values)[i]);
	if (tree == BP_TREE_DATA_INDEX)
		return le64_get(((const struct sm_index_entry_disk *)inner->values)[i].blocknr);
	return 0;
}

/* Children of inner nodes; of leaves only values that are blocks of metadata. */
static int search_node(const struct search *s, enum bp_inspect_tree tree,
		       const struct forest *f, const struct walk_node *node)
{
	bool leaf = node->flags & WALK_IS_LEAF;
	const struct walk_inner *inner;
	int r = 0;

	if (node->error || node->inner == WALK_NONE)
		return 0;
	inner = forest_inner(f, node);
	for (uint32_t i = 0; r == 0 && i < node->nr; i++) {
		const struct bp_inspect_ref ref = {
			.parent = node->block,
			.tree = tree,
			.entry = i,
			.key = inner->keys[i],
		};
		bp_mblock to = leaf ? leaf_pointer(tree, inner, i) : inner->children[i];

		if (to == s->block)
			r = s->ref(s->user, &ref);
	}
	return r;
}

/* A search through what was read: no index the other way round is kept. */
int bp_inspect_refs(struct bp_inspect *in, bp_mblock block, ref_fn ref, void *user)
{
	const struct search s = { block, ref, user };
	int r = 0;

	if (!in->has_sb || block == 0)
		return 0;
	r = search_superblock(&s, &in->live);
	if (r == 0 && in->has_snap)
		r = search_superblock(&s, &in->snap);
	if (r == 0)
		r = search_index(&s, in);
	for (int tree = 1; r == 0 && tree < INSPECT_TREES; tree++) {
		const struct forest *f = &in->trees[tree];

		for (size_t i = 0; r == 0 && i < f->nodes.count; i++)
			r = search_node(&s, (enum bp_inspect_tree)tree, f, &f->nodes.items[i]);
	}
	return r;
}

static int keep_ref(void *user, const struct bp_inspect_ref *ref)
{
	*(struct bp_inspect_ref *)user = *ref;
	return 1;
}

/* Two layers of trees, and what is above them. */
#define PATH_MAX_STEPS (2 * BTREE_MAX_DEPTH + 4)

int bp_inspect_path(struct bp_inspect *in, bp_mblock block, ref_fn ref, void *user)
{
	struct bp_inspect_ref path[PATH_MAX_STEPS];
	size_t nr = 0;
	int r = 0;

	while (block != 0 && nr < PATH_MAX_STEPS &&
	       bp_inspect_refs(in, block, keep_ref, &path[nr]) == 1)
		block = path[nr++].parent;
	/* A loop leads nowhere. */
	if (block != 0)
		return 0;
	while (r == 0 && nr > 0)
		r = ref(user, &path[--nr]);
	return r;
}

/* --- entries --- */

typedef int (*entry_fn)(void *user, const struct bp_inspect_entry *entry);

/* An unknown tree's value is a number, and nothing more. */
static void decode_value(enum bp_inspect_tree tree, const struct node *node, uint32_t i,
			 struct bp_inspect_entry *to)
{
	const struct sm_index_entry_disk *index = node_value(node, i);

	switch (node->leaf ? tree : BP_TREE_NONE) {
	case BP_TREE_TOP_LEVEL:
		to->kind = BP_ENTRY_ROOT;
		to->value = node_value64(node, i);
		break;
	case BP_TREE_MAPPINGS:
		to->kind = BP_ENTRY_MAPPING;
		to->value = thin_mapping_block(node_value64(node, i));
		to->time = thin_mapping_time(node_value64(node, i));
		break;
	case BP_TREE_DETAILS:
		to->kind = BP_ENTRY_DETAILS;
		thin_details_decode(node_value(node, i), &to->device);
		to->device.id = to->key;
		break;
	case BP_TREE_DATA_INDEX:
		to->kind = BP_ENTRY_INDEX;
		to->value = le64_get(index->blocknr);
		to->nr_free = le32_get(index->nr_free);
		to->none_free_before = le32_get(index->none_free_before);
		break;
	case BP_TREE_DATA_COUNTS:
	case BP_TREE_METADATA_COUNTS:
		to->kind = BP_ENTRY_COUNT;
		to->value = le32_get(*(const le32 *)node_value(node, i));
		break;
	case BP_TREE_NONE:
		to->kind = node->leaf ? BP_ENTRY_OTHER : BP_ENTRY_CHILD;
		memcpy(&to->value, node_value(node, i), MIN(node->value_size, 8u));
		to->value = le64_get(*(const le64 *)(const void *)&to->value);
		break;
	}
}

/* Of a damaged node nothing is told: which entries are good isn't known. */
static int node_entries(const struct bp_inspect *in, entry_fn entry, void *user)
{
	const struct bp_inspected *b = &in->decoded;
	const struct btree_node_disk *disk = (const void *)in->block;
	uint32_t size = le32_get(disk->value_size);
	struct node node;
	int r = 0;

	if (node_decode(in->block, b->block, size, &node) != NODE_OK)
		return 0;
	for (uint32_t i = 0; r == 0 && i < node.nr; i++) {
		struct bp_inspect_entry e = { .index = i,
					      .key = node_key(&node, i),
					      .length = 1 };

		decode_value(b->node_error ? BP_TREE_NONE : b->tree, &node, i, &e);
		r = entry(user, &e);
	}
	return r;
}

static int index_entries(const struct bp_inspect *in, entry_fn entry, void *user)
{
	const struct sm_index_disk *disk = (const void *)in->block;
	uint64_t nr = MIN(DIV_UP(in->live.metadata_sm.nr_blocks, SM_BITMAP_ENTRIES),
			  SM_INDEX_ENTRIES);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < nr; i++) {
		const struct bp_inspect_entry e = {
			.kind = BP_ENTRY_INDEX,
			.index = i,
			.key = i,
			.length = 1,
			.value = le64_get(disk->entries[i].blocknr),
			.nr_free = le32_get(disk->entries[i].nr_free),
			.none_free_before = le32_get(disk->entries[i].none_free_before),
		};

		r = entry(user, &e);
	}
	return r;
}

static int first_key(void *user, const struct bp_inspect_ref *ref)
{
	*(uint64_t *)user = ref->key;
	return 1;
}

/* Runs of equal counts. The blocks that are counted are known where a pointer leads here. */
static int bitmap_entries(struct bp_inspect *in, entry_fn entry, void *user)
{
	const struct sm_bitmap_disk *disk = (const void *)in->block;
	struct bp_inspect_entry e = { .kind = BP_ENTRY_COUNT };
	uint64_t number = 0;
	int r = 0;

	bp_inspect_refs(in, in->decoded.block, first_key, &number);
	e.key = number * SM_BITMAP_ENTRIES;
	for (uint32_t i = 0; r == 0 && i < SM_BITMAP_ENTRIES; i++) {
		uint64_t count =
			sm_word_swap(le64_get(disk->words[i / 32])) >> (2 * (i % 32)) & 3;

		if (e.length && count != e.value) {
			r = entry(user, &e);
			e.key += e.length;
			e.index = i;
			e.length = 0;
		}
		e.value = count;
		e.length++;
	}
	return r ? r : entry(user, &e);
}

/* Of the block that was decoded last. */
int bp_inspect_entries(struct bp_inspect *in, entry_fn entry, void *user)
{
	switch (in->decoded.kind) {
	case BP_BLOCK_NODE:
		return node_entries(in, entry, user);
	case BP_BLOCK_INDEX:
		return index_entries(in, entry, user);
	case BP_BLOCK_BITMAP:
		return bitmap_entries(in, entry, user);
	case BP_BLOCK_UNKNOWN:
	case BP_BLOCK_THIN_SUPERBLOCK:
	case BP_BLOCK_CACHE_SUPERBLOCK:
	case BP_BLOCK_ERA_SUPERBLOCK:
	case BP_BLOCK_ARRAY:
		break;
	}
	return 0;
}
