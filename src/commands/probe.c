/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What devices and files are, layer by layer. Reads only. */
#include "cli/out.h"

#include <bedplate/probe.h>

struct args {
	struct cli_list what;
	const char *text;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(what, "WHAT", "devices or files (without: the disks of this machine)"),
	OPT_STRING(text, 0, "lvm-backup", "FILE", "take LVM's metadata from this backup or archive file"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

struct row {
	const char *name, *kind, *type;
	uint64_t size_bytes;
	const char *uuid, *file;
	uint64_t offset_bytes, id, lvm_transaction_id, transaction_id, mapped_blocks, seqno;
	bool visible, missing;
	const char *note;
};

static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT | OUT_TREE,
		 "path, number of a partition, or name"),
	COL_TEXT(struct row, kind, OUT_DEFAULT,
		 "image, partition, signature, metadata, pv, vg, vg-pv, lv, unknown-volume, "
		 "removed"),
	COL_TEXT(struct row, type, OUT_DEFAULT, "of partition table, file system, volume"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "size"),
	COL_TEXT(struct row, uuid, 0, "uuid"),
	COL_TEXT(struct row, file, 0, "where it begins, where that is one place"),
	COL_NUMBER(struct row, offset_bytes, 0, "and at which byte there"),
	COL_NUMBER(struct row, id, OUT_DEFAULT, "number of a thin volume"),
	COL_NUMBER(struct row, lvm_transaction_id, 0, "transaction id as LVM has it"),
	COL_NUMBER(struct row, transaction_id, 0, "transaction id as the pool has it"),
	COL_NUMBER(struct row, mapped_blocks, 0, "data blocks in use"),
	COL_NUMBER(struct row, seqno, 0, "number of LVM's metadata"),
	COL_BOOL(struct row, visible, 0, "a user sees this volume"),
	COL_BOOL(struct row, missing, 0, "it, or part of it, can't be read"),
	COL_TEXT(struct row, note, OUT_DEFAULT, "more, in words"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.probe",
	.columns = columns,
	.flags = OUT_NESTED,
	.none = "nothing was found",
};

#define DEPTH_MAX 8

/* Field by field: what a layer doesn't have is left out by the columns. */
static struct row row_of(const struct bp_probe_layer *layer)
{
	return (struct row){
		.name = layer->name,
		.kind = bp_probe_kind_name(layer->kind),
		.type = layer->type,
		.size_bytes = layer->size_bytes,
		.uuid = layer->uuid,
		.file = layer->file,
		.offset_bytes = layer->offset_bytes,
		.id = layer->id,
		.lvm_transaction_id = layer->lvm_transaction_id,
		.transaction_id = layer->transaction_id,
		.mapped_blocks = layer->mapped_dblocks,
		.seqno = layer->seqno,
		.visible = layer->visible,
		.missing = layer->missing,
		.note = layer->note,
	};
}

/* The library tells depth first with a depth each; DEPTH_MAX bounds a crafted nesting. */
static void add_layers(struct out *out, const struct bp_probe *probe)
{
	struct out_row *above[DEPTH_MAX + 1] = { NULL };

	for (size_t i = 0; i < bp_probe_count(probe); i++) {
		const struct bp_probe_layer *layer = bp_probe_get(probe, i);
		unsigned depth = layer->depth < DEPTH_MAX ? layer->depth : DEPTH_MAX - 1;
		const struct row row = row_of(layer);

		above[depth + 1] = out_add(out, depth ? above[depth] : NULL, &row);
	}
}

/* The tree is the only form; its root is the disk. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct out_opts out_opts = args->out;
	struct bp_probe *probe;
	struct out *out;
	int r;

	out_opts.tree = true;
	r = out_open(cli, &out_opts, &schema, &out);
	if (r || !out)
		return r;
	r = bp_probe(cli->ctx, args->what.words, args->what.count, args->text, &probe);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, NULL, r);
	}
	add_layers(out, probe);
	bp_probe_free(probe);
	return out_print(out);
}

const struct cmd cmd_probe = {
	.name = "probe",
	.group = "Rescue",
	.summary = "Tell what devices and files are, layer by layer, down to volumes.",
	.examples = "  bedplate probe disk.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
