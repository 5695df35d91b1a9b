/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broken pool on one page: what is wrong, each volume, plans, the next command. Nothing is
 * written but by --apply, and that to a new place only.
 */
#include "cli/out.h"
#include "commands/active.h"
#include "commands/source_opts.h"

#include <bedplate/rescue.h>

#include <inttypes.h>

struct args {
	const char *pool, *apply, *output;
	uint64_t block_sectors;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(pool, "POOL", "vg/pool, metadata device or file, image of a disk"),
	OPT_STRING(apply, 0, "apply", "PLAN", "carry out this plan: its letter"),
	OPT_STRING(output, 'o', "output", "METADATA", "where to: a new file, or a device that holds nothing"),
	OPT_RANGE(block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "data block size, where the superblock is lost and LVM does not tell"),
	OPT_REQUIRES("apply", "output"),
	OPT_REQUIRES("output", "apply"),
	OPT_END
};

static const char *const trouble_names[] = {
	"overwritten", "superblock", "nodes", "space-maps", "leaks", "times", "needs-check",
	"transaction-behind", "transaction-ahead", "metadata-full", "data-full", "two-hosts",
	"data-smaller", "volumes", "missing-disk", "active", "nothing-left", "block-size", "formatted",
	"mirror", NULL
};
static const char *const verdicts[] = { "whole", "rebuilt", "partly", "gone", "doubtful", "absent", NULL };
static const char *const ways[] = { "rebuild", "older", "export", NULL };

static const struct out_column trouble_columns[] = {
	DOC_WORD("kind", trouble_names, "what is wrong"),
	COL_TEXT(struct bp_rescue_trouble, what, 0, "the same in words, with numbers"),
	COL_TEXT(struct bp_rescue_trouble, advice, 0, "what to do about it, or not to do"),
	OUT_COLUMNS_END
};
static const struct out_column volume_columns[] = {
	COL_NUMBER(struct bp_rescue_volume, id, 0, "number in the pool"),
	COL_TEXT(struct bp_rescue_volume, name, 0, "LVM's, or null"),
	DOC_WORD("verdict", verdicts, "what there is of it; absent: LVM has it, the pool has not, or can't be read"),
	DOC("mapped_dblocks", OUT_NUMBER, "data blocks it should have, or null"),
	COL_NUMBER(struct bp_rescue_volume, intact_dblocks, 0, "of those, whose mappings are there"),
	COL_TEXT(struct bp_rescue_volume, note, 0, "which parts are missing, or null"),
	OUT_COLUMNS_END
};
static const struct out_column plan_columns[] = {
	DOC("plan", OUT_TEXT, "its letter, for --apply"),
	DOC_WORD("way", ways, "how"),
	COL_BOOL(struct bp_rescue_plan, whole, 0, "nothing is lost by it"),
	COL_TEXT(struct bp_rescue_plan, what, 0, "the same in words"),
	COL_TEXT(struct bp_rescue_plan, loses, 0, "what it loses"),
	COL_NUMBER(struct bp_rescue_plan, needs_bytes, 0, "size of the new metadata; 0: none is made"),
	COL_NUMBER(struct bp_rescue_plan, transaction_id, 0, "of the new metadata"),
	COL_NUMBER(struct bp_rescue_plan, mapping_root, 0, "that it begins with"),
	OUT_COLUMNS_END
};
static const struct out_column applied_columns[] = {
	DOC("plan", OUT_TEXT, "its letter"),
	DOC("output", OUT_TEXT, "the new metadata"),
	DOC("clean", OUT_BOOL, "thin_check's verdict of it"),
	DOC("next", OUT_TEXT, "the commands that let LVM swap it in, one a line"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC("pool", OUT_TEXT, "its name"),
	DOC("metadata_bytes", OUT_NUMBER, "size of the metadata"),
	DOC("data_bytes", OUT_NUMBER, "size of the data, or null"),
	DOC("block_bytes", OUT_NUMBER, "size of a data block, or null"),
	DOC_LIST("troubles", trouble_columns, "what is wrong"),
	DOC_LIST("volumes", volume_columns, "what there is of each"),
	DOC_LIST("plans", plan_columns, "what can be done, the best first"),
	DOC("next", OUT_TEXT, "the next command, or null"),
	DOC_OBJECT("applied", applied_columns, "what --apply did, or null"),
	OUT_COLUMNS_END
};
/* clang-format on */

static const struct out_schema schema = {
	.name = "bedplate.rescue",
	.help = "a broken pool at a glance",
	.columns = columns,
	.flags = OUT_ONE,
};

struct page {
	struct cli *cli;
	const struct args *args;
	struct bp_source *source;
	struct bp_rescue *rescue;
	bool applied, clean;
	char *next, *steps;
	size_t next_len, steps_len;
};

static char letter(size_t index)
{
	return (char)('A' + index);
}

static const char *verdict_of(const struct bp_rescue_volume *v)
{
	return v->verdict ? bp_thin_verdict_name(v->verdict) : "absent";
}

/* --- the next command --- */

static bool has_trouble(const struct page *page, enum bp_trouble kind)
{
	for (size_t i = 0; i < bp_rescue_troubles_count(page->rescue); i++)
		if (bp_rescue_trouble_get(page->rescue, i)->kind == kind)
			return true;
	return false;
}

static void add_block_size(FILE *f, const struct page *page)
{
	if (page->args->block_sectors)
		fprintf(f, " --data-block-size %" PRIu64, page->args->block_sectors);
	if (has_trouble(page, BP_TROUBLE_BLOCK_SIZE))
		fprintf(f, " --data-block-size SECTORS");
}

/* A volume of which there is something, as an example. */
static void add_volume(FILE *f, const struct page *page)
{
	for (size_t i = 0; i < bp_rescue_volumes_count(page->rescue); i++) {
		const struct bp_rescue_volume *v = bp_rescue_volume_get(page->rescue, i);

		if (!v->intact_dblocks)
			continue;
		if (v->name && *v->name != '-') /* else it would be an option */
			print_word(f, page->cli, v->name);
		else
			fprintf(f, " %" PRIu64, v->id);
		return;
	}
	fputs(" VOLUME", f);
}

/*
 * Metadata that is in part on a disk which is not here: whatever would be made of it now loses what that
 * disk has. Then there is no command to go on with.
 */
static bool wants_disk(const struct page *page)
{
	const struct bp_rescue_plan *plan = bp_rescue_plan_get(page->rescue, 0);

	return has_trouble(page, BP_TROUBLE_MISSING_DISK) &&
	       (!plan || (plan->way != BP_RESCUE_EXPORT && !plan->whole));
}

/* What stands first among the plans, as a command. */
static void find_next(struct page *page)
{
	const struct bp_rescue_plan *plan = bp_rescue_plan_get(page->rescue, 0);
	bool export = plan && plan->way == BP_RESCUE_EXPORT;
	FILE *f;

	if (!plan || wants_disk(page))
		return;
	f = open_memstream(&page->next, &page->next_len);
	if (!f) {
		cli_lost(page->cli);
		return;
	}
	print_command(f, page->cli, export ? "export" : "rescue", page->args->pool);
	add_block_size(f, page);
	if (export)
		add_volume(f, page);
	if (export && has_trouble(page, BP_TROUBLE_MISSING_DISK))
		fputs(" --skip-bad", f);
	fputs(export ? " --to FILE" : " --apply A -o NEW-METADATA", f);
	if (!cli_text_end(f, &page->next))
		cli_lost(page->cli);
}

/* Of a sound pool nothing has to be done; but why would one look at it? */
static void print_deleted(const struct page *page)
{
	FILE *f;
	char *line = NULL;
	size_t len;

	if (page->args->apply || bp_rescue_troubles_count(page->rescue))
		return;
	f = open_memstream(&line, &len);
	if (f) {
		print_command(f, page->cli, "undelete", page->args->pool);
		add_block_size(f, page);
	}
	if (cli_text_end(f, &line))
		cli_print(page->cli, "next      %s   # where a volume was deleted by mistake\n",
			  line);
	else
		cli_lost(page->cli);
	free(line);
}

static int add_line(void *user, const char *line)
{
	return fprintf(user, "%s\n", line) < 0 ? -ENOMEM : 0;
}

/* Only where a plan was applied: before that there is nothing to swap in. */
static void find_steps(struct page *page)
{
	FILE *f = open_memstream(&page->steps, &page->steps_len);
	int r = f ? bp_source_swap_steps(page->source, page->args->output, add_line, f)
		  : -ENOMEM;

	if (!cli_text_end(f, &page->steps) || r == -ENOMEM)
		cli_lost(page->cli);
	if (page->steps && page->steps_len)
		page->steps[page->steps_len - 1] = '\0';
}

/* --- JSON --- */

static void number(struct bp_json *json, const char *key, bool known, uint64_t value)
{
	if (known)
		bp_json_uint(json, key, value);
	else
		bp_json_null(json, key);
}

static void json_trouble(struct bp_json *json, const struct bp_rescue_trouble *t)
{
	bp_json_object(json, NULL);
	bp_json_string(json, "kind", bp_trouble_name(t->kind));
	out_members(json, trouble_columns, t);
	bp_json_object_close(json);
}

static void json_troubles(struct bp_json *json, const struct bp_rescue *rescue)
{
	bp_json_array(json, "troubles");
	for (size_t i = 0; i < bp_rescue_troubles_count(rescue); i++)
		json_trouble(json, bp_rescue_trouble_get(rescue, i));
	bp_json_array_close(json);
}

/* An unknown number is null, not 0. */
static void json_volume(struct bp_json *json, const struct bp_rescue_volume *v)
{
	bp_json_object(json, NULL);
	out_members(json, volume_columns, v);
	bp_json_string(json, "verdict", verdict_of(v));
	number(json, "mapped_dblocks", v->mapped_dblocks != UINT64_MAX, v->mapped_dblocks);
	bp_json_object_close(json);
}

static void json_volumes(struct bp_json *json, const struct bp_rescue *rescue)
{
	bp_json_array(json, "volumes");
	for (size_t i = 0; i < bp_rescue_volumes_count(rescue); i++)
		json_volume(json, bp_rescue_volume_get(rescue, i));
	bp_json_array_close(json);
}

/* Letters as in the text, so that both speak of the same plan. */
static void json_plan(struct bp_json *json, size_t nr, const struct bp_rescue_plan *p)
{
	bp_json_object(json, NULL);
	bp_json_string(json, "plan", (const char[]){ letter(nr), '\0' });
	bp_json_string(json, "way", bp_rescue_way_name(p->way));
	out_members(json, plan_columns, p);
	bp_json_object_close(json);
}

static void json_plans(struct bp_json *json, const struct bp_rescue *rescue)
{
	bp_json_array(json, "plans");
	for (size_t i = 0; i < bp_rescue_plans_count(rescue); i++)
		json_plan(json, i, bp_rescue_plan_get(rescue, i));
	bp_json_array_close(json);
}

/* null: nothing was written. */
static void json_applied(struct bp_json *json, const struct page *page)
{
	if (!page->applied) {
		bp_json_null(json, "applied");
		return;
	}
	bp_json_object(json, "applied");
	bp_json_string(json, "plan", page->args->apply);
	bp_json_string(json, "output", page->args->output);
	bp_json_bool(json, "clean", page->clean);
	bp_json_string(json, "next", page->steps);
	bp_json_object_close(json);
}

/* Everything the text says, in the same order. */
static int print_json(struct page *page)
{
	const struct bp_thin_superblock *sb = bp_rescue_superblock(page->rescue);
	struct bp_json *json;
	int r = cli_json_start(page->cli, &schema, &json);

	if (r)
		return r;
	bp_json_object(json, "data");
	bp_json_string(json, "pool", bp_source_name(page->source));
	bp_json_uint(json, "metadata_bytes", bp_rescue_metadata_bytes(page->rescue));
	number(json, "data_bytes", sb,
	       sb ? bp_sector_to_bytes(sb->nr_data_blocks * sb->data_block_sectors) : 0);
	number(json, "block_bytes", sb, sb ? bp_sector_to_bytes(sb->data_block_sectors) : 0);
	json_troubles(json, page->rescue);
	json_volumes(json, page->rescue);
	json_plans(json, page->rescue);
	bp_json_string(json, "next", page->next);
	json_applied(json, page);
	bp_json_object_close(json);
	return cli_json_end(page->cli, json);
}

/* --- for people --- */

/* Without a superblock neither size is known. */
static void print_head(const struct page *page)
{
	const struct bp_thin_superblock *sb = bp_rescue_superblock(page->rescue);
	char meta[BP_SIZE_TEXT], data[BP_SIZE_TEXT], block[BP_SIZE_TEXT];

	bp_size_format(bp_rescue_metadata_bytes(page->rescue), meta);
	cli_print(page->cli, "pool      %s, metadata %s", bp_source_name(page->source), meta);
	if (sb) {
		bp_size_format(bp_sector_to_bytes(sb->nr_data_blocks * sb->data_block_sectors),
			       data);
		bp_size_format(bp_sector_to_bytes(sb->data_block_sectors), block);
		cli_print(page->cli, ", data %s in blocks of %s", data, block);
	}
	cli_print(page->cli, "\n");
}

static void print_trouble(struct cli *cli, size_t nr, const struct bp_rescue_trouble *t)
{
	cli_print(cli, "%-9s %s\n", nr ? "" : "trouble", t->what);
	cli_print(cli, "            -> %s\n", t->advice);
}

static void print_troubles(const struct page *page)
{
	size_t nr = bp_rescue_troubles_count(page->rescue);

	if (!nr)
		cli_print(page->cli, "trouble   none: the metadata is sound\n");
	for (size_t i = 0; i < nr; i++)
		print_trouble(page->cli, i, bp_rescue_trouble_get(page->rescue, i));
}

/* "?" where the details are lost. */
static void print_volume(const struct page *page, const struct bp_rescue_volume *v)
{
	char of[32] = "?";

	if (v->mapped_dblocks != UINT64_MAX)
		snprintf(of, sizeof(of), "%" PRIu64, v->mapped_dblocks);
	cli_print(page->cli, "%10" PRIu64 "  %-24s %10s %10" PRIu64 "  %s%s%s\n", v->id,
		  v->name ? v->name : "-", of, v->intact_dblocks, verdict_of(v),
		  v->note ? ": " : "", v->note ? v->note : "");
}

static void print_volumes(const struct page *page)
{
	size_t nr = bp_rescue_volumes_count(page->rescue);

	if (!nr)
		return;
	cli_print(page->cli, "volumes %2s  %-24s %10s %10s  %s\n", "id", "name", "mapped",
		  "intact", "verdict");
	for (size_t i = 0; i < nr; i++)
		print_volume(page, bp_rescue_volume_get(page->rescue, i));
}

/* The first is the best by the library's judgement; an export is no repair. */
static void print_plan(struct cli *cli, size_t nr, const struct bp_rescue_plan *p)
{
	char needs[BP_SIZE_TEXT];

	cli_print(cli, "%-9s %c  %s%s\n", nr ? "" : "plans", letter(nr), p->what,
		  nr || p->way == BP_RESCUE_EXPORT ? "" : "   <- best");
	cli_print(cli, "             loses: %s\n", p->loses);
	if (p->needs_bytes)
		cli_print(cli, "             needs: %s for the new metadata\n",
			  bp_size_format(p->needs_bytes, needs));
}

static void print_plans(const struct page *page)
{
	for (size_t i = 0; i < bp_rescue_plans_count(page->rescue); i++)
		print_plan(page->cli, i, bp_rescue_plan_get(page->rescue, i));
}

/* It ends by saying that nothing was written, as that is what people ask. */
static void print_text(const struct page *page)
{
	print_head(page);
	print_troubles(page);
	print_volumes(page);
	print_plans(page);
	if (page->applied) {
		cli_print(page->cli, "applied   plan %s: %s was written, and checks %s\n",
			  page->args->apply, page->args->output,
			  page->clean ? "clean" : "NOT clean");
		if (page->steps_len)
			cli_print(page->cli, "next, as root:\n%s\n", page->steps);
	} else if (page->next) {
		cli_print(page->cli, "next      %s\n", page->next);
	} else if (wants_disk(page)) {
		cli_print(page->cli,
			  "next      get what is missing, or a whole copy of it, and "
			  "look again: --pv names each disk\n");
	}
	print_deleted(page);
	if (!page->applied)
		cli_print(page->cli, "Nothing was written.\n");
}

/* --- doing it --- */

/* "A", "a" and "1" are the first. SIZE_MAX: none such. */
static size_t plan_index(const struct page *page)
{
	const char *text = page->args->apply;
	size_t index = SIZE_MAX;

	if (*text && !text[1]) {
		if (*text >= 'A' && *text <= 'Z')
			index = (size_t)(*text - 'A');
		else if (*text >= 'a' && *text <= 'z')
			index = (size_t)(*text - 'a');
		else if (*text >= '1' && *text <= '9')
			index = (size_t)(*text - '1');
	}
	return index < bp_rescue_plans_count(page->rescue) ? index : SIZE_MAX;
}

/* Return: an exit status; -1: go on. */
static int apply(struct page *page, bool *ret_whole)
{
	struct bp_thin_check_result check = { .size = sizeof(check) };
	size_t index = plan_index(page);
	int r;

	if (index == SIZE_MAX &&
	    !has_trouble(page,
			 BP_TROUBLE_ACTIVE) /* it is refused for that, whatever the plan */)
		return cli_failf(page->cli, NULL, "'rescue' without --apply prints the plans",
				 "there is no plan '%s'", page->args->apply);
	if (index != SIZE_MAX)
		*ret_whole = bp_rescue_plan_get(page->rescue, index)->whole;
	if (page->cli->dry_run)
		return -1;
	r = bp_rescue_apply(page->rescue, index, page->args->output, &check);
	if (r < 0)
		return cli_fail(page->cli, NULL, r);
	page->applied = true;
	page->clean = !check.nr_fatal && !check.nr_nonfatal;
	find_steps(page);
	return -1;
}

/* Exit status 1 as long as there is trouble, or something was lost by the plan. */
static int show(struct page *page)
{
	bool whole = false;
	int status;

	if (page->args->apply) {
		status = apply(page, &whole);
		if (status >= 0)
			return status;
	}
	find_next(page);
	status = EXIT_OK;
	if (page->cli->json)
		status = print_json(page);
	else
		print_text(page);
	if (status != EXIT_OK)
		return status;
	if (page->applied)
		return whole && page->clean ? EXIT_OK : EXIT_FAILED;
	return bp_rescue_troubles_count(page->rescue) ? EXIT_FAILED : EXIT_OK;
}

/* A pool in use is read through its metadata snapshot, like any reader. */
static int run(struct cli *cli, const void *p)
{
	struct page page = { .cli = cli, .args = p };
	struct bp_source_opts o = source_opts(cli);
	const char *pool = page.args->pool;
	struct active_pool active;
	int r = active_source(cli, &active, &pool, &o);

	if (r)
		return r;
	o.data_block_sectors = (uint32_t)page.args->block_sectors;
	r = bp_source_open(cli->ctx, pool, &o, &page.source);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = bp_rescue(page.source, &page.rescue);
	r = r < 0 ? cli_fail(cli, NULL, r) : show(&page);
	bp_rescue_free(page.rescue);
	bp_source_close(page.source);
	free(page.next);
	free(page.steps);
	return r;
}

const struct cmd cmd_rescue = {
	.name = "rescue",
	.group = "Rescue",
	.summary = "See on one page what is wrong with a pool, what became of each volume, and "
		   "what can be done.",
	.examples = "  bedplate rescue vg/pool --pv disk.img\n",
	.detail =
		"The pool is only read. --apply writes new metadata to a new place, and checks "
		"it.\n",
	.exits =
		"0 nothing is wrong, or the plan lost nothing; 1 trouble, or something is lost",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_DRY_RUN,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
