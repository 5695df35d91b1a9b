/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands/thin_plan.h"

#include <inttypes.h>

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
}

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

int thin_plan_print(struct cli *cli, const char *path, const struct bp_thin_plan *plan)
{
	int status = bp_thin_plan_is_whole(plan) ? EXIT_OK : EXIT_FAILED, end;
	struct bp_json *json;
	int r;

	if (!cli->json) {
		print_plan(cli, plan);
		return status;
	}
	r = cli_json_begin(cli, "bedplate.thin_plan", &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_string(json, "metadata", path);
	bp_thin_plan_json(plan, json, "plan");
	bp_json_object_close(json);
	end = cli_json_end(cli, json);
	return end ? end : status;
}

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
