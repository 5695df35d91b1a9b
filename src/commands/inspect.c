/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One block of metadata, decoded, with who points at it. Looks at anything, judges nothing, changes
 * nothing.
 */
#include "cli/out.h"

#include <bedplate/inspect.h>

#include <inttypes.h>

struct args {
	const char *path;
	uint64_t block;
	bool no_entries;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_OPERAND_NUMBER_OPTIONAL(block, 0, UINT64_MAX, "BLOCK", "which block; default: 0, the superblock"),
	OPT_FLAG(no_entries, 0, "no-entries", "leave out the entries of nodes, indexes and bitmaps"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column superblock_members[] = {
	COL_NUMBER(struct bp_thin_superblock, flags, 0, "bit 0: needs_check"),
	COL_NUMBER(struct bp_thin_superblock, version, 0, "of the format"),
	COL_NUMBER(struct bp_thin_superblock, time, 0, "the clock of snapshots"),
	COL_NUMBER(struct bp_thin_superblock, transaction_id, 0, "of user space"),
	COL_NUMBER(struct bp_thin_superblock, metadata_snap, 0, "block of the held root, or 0"),
	COL_NUMBER(struct bp_thin_superblock, mapping_root, 0, "root of the mappings"),
	COL_NUMBER(struct bp_thin_superblock, details_root, 0, "root of the details"),
	COL_NUMBER(struct bp_thin_superblock, data_block_sectors, 0, "size of a data block"),
	COL_NUMBER(struct bp_thin_superblock, nr_data_blocks, 0, "of the data device"),
	COL_NUMBER(struct bp_thin_superblock, nr_metadata_blocks, 0, "of the metadata device"),
	OUT_COLUMNS_END
};
static const struct out_column node_members[] = {
	DOC("tree", OUT_TEXT, "which one"),
	COL_BOOL(struct bp_inspected, leaf, 0, "no internal node"),
	COL_NUMBER(struct bp_inspected, nr_entries, 0, "entries it has"),
	COL_NUMBER(struct bp_inspected, max_entries, 0, "for which it has room"),
	COL_NUMBER(struct bp_inspected, value_size, 0, "bytes of a value"),
	COL_TEXT_AS("error", struct bp_inspected, node_error, 0, "what is wrong with it"),
	OUT_COLUMNS_END
};
static const struct out_column ref_members[] = {
	DOC("block", OUT_NUMBER, "who points"),
	DOC_MAYBE("field", OUT_TEXT, "of the superblock"),
	DOC_MAYBE("tree", OUT_TEXT, "of the tree"),
	DOC_MAYBE("entry", OUT_NUMBER, "its number"),
	DOC_MAYBE("key", OUT_NUMBER, "its key"),
	OUT_COLUMNS_END
};
static const struct out_column entry_members[] = {
	DOC("key", OUT_NUMBER, "of the entry"),
	DOC_MAYBE("mapped_blocks", OUT_NUMBER, "of a device"),
	DOC_MAYBE("transaction_id", OUT_NUMBER, "of a device"),
	DOC_MAYBE("creation_time", OUT_NUMBER, "of a device"),
	DOC_MAYBE("snapshotted_time", OUT_NUMBER, "of a device"),
	DOC_MAYBE("data_block", OUT_NUMBER, "of a mapping"),
	DOC_MAYBE("time", OUT_NUMBER, "of a mapping"),
	DOC_MAYBE("count", OUT_NUMBER, "reference count"),
	DOC_MAYBE("length", OUT_NUMBER, "blocks with this count"),
	DOC_MAYBE("value", OUT_NUMBER, "of other trees"),
	DOC_MAYBE("block", OUT_NUMBER, "to which it points"),
	DOC_MAYBE("nr_free", OUT_NUMBER, "free ones of its bitmap"),
	DOC_MAYBE("none_free_before", OUT_NUMBER, "where to look for free ones"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	COL_NUMBER(struct bp_inspected, block, 0, "its number"),
	DOC("kind", OUT_TEXT, "what it is"),
	COL_NUMBER_AS("stored_checksum", struct bp_inspected, stored_csum, 0, "the checksum in it"),
	COL_NUMBER_AS("expected_checksum", struct bp_inspected, expected_csum, 0, "the one of what it holds"),
	COL_NUMBER_AS("stored_block_number", struct bp_inspected, stored_number, 0, "the number in it"),
	COL_BOOL(struct bp_inspected, reachable, 0, "something leads to it"),
	DOC_MAYBE("reference_count", OUT_NUMBER, "as the metadata space map has it"),
	DOC_OBJECT_MAYBE("superblock", superblock_members, "of a superblock"),
	DOC_OBJECT_MAYBE("node", node_members, "of a node of a btree"),
	DOC_LIST_MAYBE("path", ref_members, "the way to it from the superblock"),
	DOC_LIST_MAYBE("pointers", ref_members, "all that points at it"),
	DOC_LIST_MAYBE("entries", entry_members, "what it holds"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.inspect", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct print {
	struct cli *cli;
	struct bp_json *json; /* NULL: text */
	bool any;
};

/* --- text --- */

/* The numbers as they stand on disk, in the format's own units. */
static void print_superblock(struct cli *cli, const struct bp_thin_superblock *sb)
{
	fprintf(cli->out, "flags: %" PRIu32 "%s\nversion: %" PRIu32 "\ntime: %" PRIu32 "\n",
		sb->flags, sb->flags & BP_THIN_NEEDS_CHECK ? " (needs_check)" : "", sb->version,
		sb->time);
	fprintf(cli->out, "transaction id: %" PRIu64 "\n", sb->transaction_id);
	fprintf(cli->out, "metadata snapshot: %" PRIu64 "\n", sb->metadata_snap);
	fprintf(cli->out, "mapping root: %" PRIu64 "\ndetails root: %" PRIu64 "\n",
		sb->mapping_root, sb->details_root);
	fprintf(cli->out, "data block size: %" PRIu32 " sectors\n", sb->data_block_sectors);
	fprintf(cli->out, "data blocks: %" PRIu64 ", %" PRIu64 " allocated\n",
		sb->nr_data_blocks, sb->nr_data_allocated);
	fprintf(cli->out, "metadata blocks: %" PRIu64 ", %" PRIu64 " allocated\n",
		sb->nr_metadata_blocks, sb->nr_metadata_allocated);
}

/* A checksum that is wrong says nothing about the kind: then all of them were tried. */
static void print_block(struct cli *cli, const struct bp_inspected *b)
{
	FILE *out = cli->out;
	bool right = b->kind != BP_BLOCK_UNKNOWN;

	fprintf(out, "block %" PRIu64 ": %s\n", b->block, b->zero ? "all zeros" : b->kind_name);
	if (!b->zero)
		fprintf(out, "checksum: 0x%08" PRIx32 "%s", b->stored_csum,
			right ? "\n" : ", which is right for no kind of block\n");
	if (!b->zero && b->stored_number != b->block)
		fprintf(out, "says that it is block %" PRIu64 "\n", b->stored_number);
	if (b->ref_count != BP_NONE)
		fprintf(out, "reference count: %" PRIu64 "\n", b->ref_count);
	if (b->kind == BP_BLOCK_THIN_SUPERBLOCK)
		print_superblock(cli, &b->superblock);
	if (b->kind != BP_BLOCK_NODE && !b->node_error)
		return;
	fprintf(out, "%s of the %s%s\n", b->leaf ? "leaf" : "internal node",
		bp_inspect_tree_name(b->tree), b->reachable ? "" : ", by its looks");
	fprintf(out, "entries: %" PRIu32 " of %" PRIu32 ", values of %" PRIu32 " bytes\n",
		b->nr_entries, b->max_entries, b->value_size);
	if (b->node_error)
		fprintf(out, "damaged: %s\n", b->node_error);
}

/* Fields of the superblock have names, entries of nodes have keys. */
static void print_ref(FILE *out, const struct bp_inspect_ref *ref)
{
	if (ref->field)
		fprintf(out, "  block %" PRIu64 ", superblock, %s\n", ref->parent, ref->field);
	else
		fprintf(out, "  block %" PRIu64 ", %s, entry %" PRIu32 ", key %" PRIu64 "\n",
			ref->parent,
			ref->tree ? bp_inspect_tree_name(ref->tree)
				  : "metadata space map index",
			ref->entry, ref->key);
}

/* One line an entry, in words that say what the value is. */
static void print_entry(FILE *out, const struct bp_inspect_entry *e)
{
	switch (e->kind) {
	case BP_ENTRY_CHILD:
		fprintf(out, "  %" PRIu64 " -> block %" PRIu64 "\n", e->key, e->value);
		break;
	case BP_ENTRY_ROOT:
		fprintf(out, "  device %" PRIu64 " -> root in block %" PRIu64 "\n", e->key,
			e->value);
		break;
	case BP_ENTRY_MAPPING:
		fprintf(out, "  %" PRIu64 " -> data %" PRIu64 ", time %" PRIu32 "\n", e->key,
			e->value, e->time);
		break;
	case BP_ENTRY_DETAILS:
		fprintf(out,
			"  device %" PRIu64 ": mapped %" PRIu64 ", transaction %" PRIu64
			", created %" PRIu32 ", snapshotted %" PRIu32 "\n",
			e->key, e->device.mapped_dblocks, e->device.transaction_id,
			e->device.creation_time, e->device.snapshotted_time);
		break;
	case BP_ENTRY_INDEX:
		fprintf(out,
			"  bitmap %" PRIu64 " in block %" PRIu64 ", %" PRIu32
			" free, none before %" PRIu32 "\n",
			e->key, e->value, e->nr_free, e->none_free_before);
		break;
	case BP_ENTRY_COUNT:
		fprintf(out, "  %" PRIu64 "..%" PRIu64 ": count %" PRIu64 "%s\n", e->key,
			e->key + e->length, e->value, e->value == 3 ? " or more" : "");
		break;
	case BP_ENTRY_OTHER:
		fprintf(out, "  %" PRIu64 ": %" PRIu64 "\n", e->key, e->value);
		break;
	}
}

/* --- JSON --- */

/* What a block doesn't have is left out, so that 0 is always a value. */
static void json_block(struct bp_json *json, const struct bp_inspected *b)
{
	out_members(json, columns, b);
	bp_json_string(json, "kind", b->zero ? "zero" : b->kind_name);
	if (b->ref_count != BP_NONE)
		bp_json_uint(json, "reference_count", b->ref_count);
	if (b->kind == BP_BLOCK_THIN_SUPERBLOCK) {
		bp_json_object(json, "superblock");
		out_members(json, superblock_members, &b->superblock);
		bp_json_object_close(json);
	}
	if (b->kind == BP_BLOCK_NODE || b->node_error) {
		bp_json_object(json, "node");
		bp_json_string(json, "tree", bp_inspect_tree_name(b->tree));
		out_members(json, node_members, b);
		bp_json_object_close(json);
	}
}

/* Either a field, or the entry of a tree. */
static void json_ref(struct bp_json *json, const struct bp_inspect_ref *ref)
{
	bp_json_object(json, NULL);
	bp_json_uint(json, "block", ref->parent);
	if (ref->field) {
		bp_json_string(json, "field", ref->field);
	} else {
		bp_json_string(json, "tree",
			       ref->tree ? bp_inspect_tree_name(ref->tree)
					 : "metadata space map index");
		bp_json_uint(json, "entry", ref->entry);
		bp_json_uint(json, "key", ref->key);
	}
	bp_json_object_close(json);
}

/* The value's name says what it is: block, data_block, count or value. */
static void json_entry(struct bp_json *json, const struct bp_inspect_entry *e)
{
	bp_json_object(json, NULL);
	bp_json_uint(json, "key", e->key);
	if (e->kind == BP_ENTRY_DETAILS) {
		bp_json_uint(json, "mapped_blocks", e->device.mapped_dblocks);
		bp_json_uint(json, "transaction_id", e->device.transaction_id);
		bp_json_uint(json, "creation_time", e->device.creation_time);
		bp_json_uint(json, "snapshotted_time", e->device.snapshotted_time);
	} else {
		bp_json_uint(json,
			     e->kind == BP_ENTRY_MAPPING ? "data_block"
			     : e->kind == BP_ENTRY_COUNT ? "count"
			     : e->kind == BP_ENTRY_OTHER ? "value"
							 : "block",
			     e->value);
	}
	if (e->kind == BP_ENTRY_MAPPING)
		bp_json_uint(json, "time", e->time);
	if (e->kind == BP_ENTRY_COUNT)
		bp_json_uint(json, "length", e->length);
	if (e->kind == BP_ENTRY_INDEX) {
		bp_json_uint(json, "nr_free", e->nr_free);
		bp_json_uint(json, "none_free_before", e->none_free_before);
	}
	bp_json_object_close(json);
}

/* --- both --- */

/* Printed as it comes: a shared block may have many. */
static int on_ref(void *user, const struct bp_inspect_ref *ref)
{
	struct print *p = user;

	if (p->json)
		json_ref(p->json, ref);
	else
		print_ref(p->cli->out, ref);
	p->any = true;
	return 0;
}

/* A closed pipe ends it. */
static int on_entry(void *user, const struct bp_inspect_entry *entry)
{
	const struct print *p = user;

	if (p->json)
		json_entry(p->json, entry);
	else
		print_entry(p->cli->out, entry);
	return ferror(p->cli->out) ? -EPIPE : 0;
}

static void begin_list(const struct print *p, const char *name, const char *title)
{
	if (p->json)
		bp_json_array(p->json, name);
	else
		fprintf(p->cli->out, "%s:\n", title);
}

static void end_list(struct print *p, const char *none)
{
	if (p->json)
		bp_json_array_close(p->json);
	else if (!p->any && none)
		fprintf(p->cli->out, "  %s\n", none);
	p->any = false;
}

/* Three lists, from what is asked most to what is longest. */
static int print_all(struct print *p, struct bp_inspect *inspect, const struct args *args)
{
	struct bp_inspected b;
	int r = bp_inspect_block(inspect, args->block, &b);

	if (r < 0)
		return r;
	if (p->json)
		json_block(p->json, &b);
	else
		print_block(p->cli, &b);
	if (args->block != 0) {
		begin_list(p, "path", "way from the superblock");
		r = bp_inspect_path(inspect, args->block, on_ref, p);
		end_list(p, "none: nothing leads here");
	}
	if (r == 0 && args->block != 0) {
		begin_list(p, "pointers", "pointers to it");
		r = bp_inspect_refs(inspect, args->block, on_ref, p);
		end_list(p, "none");
	}
	if (r == 0 && !args->no_entries) {
		begin_list(p, "entries", "entries");
		r = bp_inspect_entries(inspect, on_entry, p);
		end_list(p, NULL);
	}
	return r;
}

/* An error in the middle closes the document: what was printed stays readable. */
static int run(struct cli *cli, const void *q)
{
	const struct args *args = q;
	struct print p = { .cli = cli };
	struct bp_inspect *inspect;
	int r = bp_inspect_new(cli->ctx, args->path, &inspect);

	if (r < 0)
		return cli_fail(cli, args->path, r);
	if (cli->json) {
		r = cli_json_start(cli, &schema, &p.json);
		if (r == 0)
			bp_json_object(p.json, "data");
	}
	if (r == 0)
		r = print_all(&p, inspect, args);
	bp_inspect_free(inspect);
	if (r < 0 && p.json)
		return cli_json_fail(cli, p.json, ferror(cli->out) ? NULL : args->path, r);
	if (r < 0)
		return cli_fail(cli, ferror(cli->out) ? NULL : args->path, r);
	if (!p.json)
		return EXIT_OK;
	bp_json_object_close(p.json);
	return cli_json_end(cli, p.json);
}

const struct cmd cmd_inspect = {
	.name = "inspect",
	.group = "Metadata",
	.summary = "Show one block of metadata, decoded, and who points at it.",
	.examples = "  bedplate inspect meta.img 3\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
