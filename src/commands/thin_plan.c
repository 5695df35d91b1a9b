/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands/thin_plan.h"

#include <inttypes.h>

/* clang-format off */
static const struct out_column superblock_members[] = {
	DOC("damaged", OUT_BOOL, "it can't be used as it is"),
	DOC("time", OUT_NUMBER, "the clock of snapshots"),
	DOC("transaction_id", OUT_NUMBER, "of user space"),
	DOC("transaction_id_from", OUT_TEXT, "where it was found"),
	DOC("data_block_sectors", OUT_NUMBER, "size of a data block"),
	DOC("data_block_sectors_from", OUT_TEXT, "where it was found"),
	DOC("nr_data_blocks", OUT_NUMBER, "of the data device"),
	DOC("nr_data_blocks_from", OUT_TEXT, "where it was found"),
	DOC("mapping_root", OUT_NUMBER, "root of the mappings"),
	DOC("details_root", OUT_NUMBER, "root of the details"),
	DOC("roots_from", OUT_TEXT, "where they were found"),
	OUT_COLUMNS_END
};
static const struct out_column device_members[] = {
	DOC("id", OUT_NUMBER, "id in the pool"),
	DOC("verdict", OUT_TEXT, "how much of it is kept"),
	DOC("mapped_dblocks", OUT_NUMBER, "data blocks kept"),
	DOC("expected_dblocks", OUT_NUMBER, "data blocks it had; null: not known"),
	DOC("transaction_id", OUT_NUMBER, "when it was created"),
	DOC("creation_time", OUT_NUMBER, "the clock then"),
	DOC("snapshotted_time", OUT_NUMBER, "the clock at its last snapshot"),
	OUT_COLUMNS_END
};
static const struct out_column loss_members[] = {
	DOC("device", OUT_NUMBER, "id; null: not known whose"),
	DOC("begin", OUT_NUMBER, "first virtual block"),
	DOC("end", OUT_NUMBER, "the one behind the last; null: to the end"),
	DOC("block", OUT_NUMBER, "of the metadata that is damaged; null: none alone"),
	DOC("what", OUT_TEXT, "all of it in a sentence"),
	OUT_COLUMNS_END
};
static const struct out_column plan_members[] = {
	DOC_OBJECT("superblock", superblock_members, "the superblock that will be written"),
	DOC("whole", OUT_BOOL, "nothing is lost"),
	DOC("area_read", OUT_BOOL, "all of the metadata had to be read"),
	DOC("space_map_used", OUT_BOOL, "reference counts were asked"),
	DOC("nr_devices", OUT_NUMBER, "devices kept"),
	DOC("nr_mappings", OUT_NUMBER, "mappings kept"),
	DOC("nr_lost", OUT_NUMBER, "mappings lost"),
	DOC("lost_unknown", OUT_BOOL, "and more, nobody knows how many"),
	DOC("nr_damaged_blocks", OUT_NUMBER, "blocks of the metadata that can't be used"),
	DOC("nr_recovered_subtrees", OUT_NUMBER, "found that nothing led to"),
	DOC("nr_refilled_mappings", OUT_NUMBER, "of the kept ones: proven, though they can't be read"),
	DOC("nr_root_pairs", OUT_NUMBER, "pairs of roots that could be the pool's"),
	DOC_LIST("devices", device_members, "what becomes of each device"),
	DOC_LIST("losses", loss_members, "what is lost"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC("metadata", OUT_TEXT, "the device or file"),
	DOC_OBJECT("plan", plan_members, "what a repair would write"),
	OUT_COLUMNS_END
};
const struct out_schema thin_plan_schema = {
	.name = "bedplate.thin_plan", .columns = columns, .flags = OUT_ONE,
	.help = "What a repair of a thin pool's metadata keeps and loses.",
};
/* clang-format on */

/* Losses beyond this are counted on a terminal; --json has them all. */
#define TEXT_LOSSES 100

static int on_progress(void *user, const char *stage, bp_mblock done, bp_mblock total)
{
	struct cli *cli = user;

	cli_progress_title(cli, stage);
	return cli_progress(cli, done, total);
}

int thin_plan_make(struct cli *cli, const char *path, struct bp_thin_repair_opts *opts,
		   struct bp_thin_plan **ret)
{
	opts->size = sizeof(*opts);
	opts->progress = on_progress;
	opts->user = cli;
	return bp_thin_plan(cli->ctx, path, opts, ret);
}

/* --- text --- */

/* Each value with where it is from: given, found or guessed. */
static void print_superblock(struct cli *cli, const struct bp_thin_plan_summary *sum)
{
	const struct bp_thin_superblock *sb = &sum->superblock;

	fprintf(cli->out, "superblock   %s\n", sum->superblock_damaged ? "damaged" : "sound");
	fprintf(cli->out, "roots        mappings %" PRIu64 ", details %" PRIu64 " (%s)",
		sb->mapping_root, sb->details_root, bp_thin_origin_name(sum->roots));
	if (sum->nr_pairs)
		fprintf(cli->out, ", the newest of %" PRIu64 " pairs", sum->nr_pairs);
	fprintf(cli->out, "\ntransaction  %" PRIu64 " (%s)\n", sb->transaction_id,
		bp_thin_origin_name(sum->transaction));
	fprintf(cli->out, "data         %" PRIu64 " blocks (%s) of %" PRIu32 " sectors (%s)\n",
		sb->nr_data_blocks, bp_thin_origin_name(sum->size_of_data),
		sb->data_block_sectors, bp_thin_origin_name(sum->block_size));
	if (sum->scanned)
		fprintf(cli->out,
			"area         read: %" PRIu64 " damaged blocks, %" PRIu64
			" subtrees given back; space map %s\n",
			sum->nr_damaged, sum->nr_recovered,
			sum->counted ? "used" : "not usable");
	else
		fprintf(cli->out, "area         not read: all trees are sound\n");
	if (sum->nr_refilled)
		fprintf(cli->out,
			"lost leaves  %" PRIu64 " of their mappings are proven otherwise\n",
			sum->nr_refilled);
}

/* Numbers only differ where something was lost. */
static void print_device(struct cli *cli, const struct bp_thin_plan_device *d)
{
	fprintf(cli->out, "device %-8" PRIu64 " %-8s %12" PRIu64, d->device.id,
		bp_thin_verdict_name(d->verdict), d->device.mapped_dblocks);
	if (d->expected_dblocks == BP_NONE)
		fprintf(cli->out, " of an unknown number");
	else if (d->expected_dblocks != d->device.mapped_dblocks)
		fprintf(cli->out, " of %" PRIu64, d->expected_dblocks);
	fprintf(cli->out, " mappings\n");
}

/* Losses before the sum, as they explain it. */
static void print_plan(struct cli *cli, const struct bp_thin_plan *plan)
{
	struct bp_thin_plan_summary sum = { .size = sizeof(sum) };

	bp_thin_plan_summary_get(plan, &sum);
	print_superblock(cli, &sum);
	for (size_t i = 0; i < bp_thin_plan_devices_count(plan); i++)
		print_device(cli, bp_thin_plan_device_get(plan, i));
	for (size_t i = 0; i < bp_thin_plan_losses_count(plan); i++)
		fprintf(cli->out, "lost: %s\n", bp_thin_plan_loss_get(plan, i)->what);
	fprintf(cli->out,
		"result       %" PRIu64 " devices, %" PRIu64 " mappings; lost: %" PRIu64,
		sum.nr_devices, sum.nr_mappings, sum.nr_lost);
	fprintf(cli->out, "%s\n", sum.lost_unknown ? " and more" : "");
}

/* Exit status 1 where something is lost, also of a plan. */
int thin_plan_print(struct cli *cli, const char *path, const struct bp_thin_plan *plan)
{
	int status = bp_thin_plan_is_whole(plan) ? EXIT_OK : EXIT_FAILED, end;
	struct bp_json *json;
	int r;

	if (!cli->json) {
		print_plan(cli, plan);
		return status;
	}
	r = cli_json_start(cli, &thin_plan_schema, &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_string(json, "metadata", path);
	bp_thin_plan_json(plan, json, "plan");
	bp_json_object_close(json);
	end = cli_json_end(cli, json);
	return end ? end : status;
}

/* The first TEXT_LOSSES of them; the rest is in the JSON. */
int thin_plan_report(struct cli *cli, const struct bp_thin_plan *plan)
{
	struct bp_thin_plan_summary sum = { .size = sizeof(sum) };
	size_t nr = bp_thin_plan_losses_count(plan);

	if (bp_thin_plan_is_whole(plan))
		return EXIT_OK;
	bp_thin_plan_summary_get(plan, &sum);
	for (size_t i = 0; i < nr && i < TEXT_LOSSES; i++)
		cli_warn(cli, "lost: %s", bp_thin_plan_loss_get(plan, i)->what);
	if (nr > TEXT_LOSSES)
		cli_warn(cli, "... and %zu more: --plan --json has all", nr - TEXT_LOSSES);
	cli_warn(cli,
		 "%" PRIu64 " mappings of %" PRIu64 " devices were kept, %" PRIu64
		 "%s were lost",
		 sum.nr_mappings, sum.nr_devices, sum.nr_lost,
		 sum.lost_unknown ? " or more" : "");
	return EXIT_FAILED;
}
