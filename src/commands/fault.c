/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs that put a fault into a device. */
#include "commands/fault.h"

#include <inttypes.h>

struct args {
	const char *target, *file, *state_dir, *log;
	struct cli_list ranges;
	uint32_t io, classes;
	bool yes;
	int64_t for_ms, delay_ms, timeout_ms;
	uint64_t byte, value, count, block_bytes, seed;
};

/* clang-format off */
#define OPT_WHERE \
	OPT_OPERAND(target, "TARGET", TARGET_HELP), \
	OPT_TIME(for_ms, 0, "for", "TIME", "heal it after this long: 500ms, 30s; default: when told"), \
	OPT_LIST(ranges, 0, "range", "A..B", "only from A up to B: sizes, bare: sectors; may be repeated; of the file with --file"), \
	OPT_STRING(file, 0, "file", "PATH", "only where this file's contents lie now"), \
	OPT_BIT(classes, BP_FAULT_JOURNAL, 0, "journal", "only where ext4 or xfs on it has its journal"), \
	OPT_BIT(classes, BP_FAULT_METADATA, 0, "metadata", "only where ext4 or xfs on it has its metadata"), \
	OPT_CONFLICT("journal", "range file"), OPT_CONFLICT("metadata", "range file")
#define OPT_READS \
	OPT_BIT(io, BP_FAULT_READS, 0, "reads", "reads")
#define OPT_WRITES \
	OPT_BIT(io, BP_FAULT_WRITES, 0, "writes", "writes")
#define OPT_FLUSHES \
	OPT_BIT(io, BP_FAULT_FLUSHES, 0, "flushes", "flushes, and writes that ask for one")
#define OPT_REST_OF_FAULT \
	OPT_FLAG(yes, 'y', "yes", "do it even where the root file system lies on the device"), \
	OPT_FAULT

static const struct cmd_opt slow_opts[] = {
	OPT_WHERE, OPT_READS, OPT_WRITES, OPT_FLUSHES,
	OPT_TIME(delay_ms, 0, "delay", "TIME", "how much longer each takes; default: 100ms"),
	OPT_REST_OF_FAULT, OPT_END
};
static const struct cmd_opt stall_opts[] = {
	OPT_WHERE, OPT_READS, OPT_WRITES, OPT_FLUSHES, OPT_REST_OF_FAULT, OPT_END
};
static const struct cmd_opt error_opts[] = {
	OPT_WHERE, OPT_READS, OPT_WRITES, OPT_REST_OF_FAULT, OPT_END
};
static const struct cmd_opt drop_opts[] = { OPT_WHERE, OPT_REST_OF_FAULT, OPT_END };
static const struct cmd_opt full_opts[] = { OPT_WHERE, OPT_REST_OF_FAULT, OPT_END };
static const struct cmd_opt cut_opts[] = {
	OPT_OPERAND(target, "TARGET", TARGET_HELP),
	OPT_TIME(for_ms, 0, "for", "TIME", "the power comes back after this long: 500ms, 30s; default: when told"),
	OPT_REST_OF_FAULT, OPT_END
};
static const struct cmd_opt corrupt_opts[] = {
	OPT_WHERE, OPT_READS, OPT_WRITES,
	OPT_RANGE(byte, 1, UINT32_MAX, 0, "byte", "NUMBER", "which byte of each I/O; default: 1, the first"),
	OPT_RANGE(value, 0, UINT8_MAX, 0, "value", "NUMBER", "what it becomes; default: 0"),
	OPT_CONFLICT("reads", "writes"),
	OPT_REST_OF_FAULT, OPT_END
};
static const struct cmd_opt bad_opts[] = {
	OPT_WHERE,
	OPT_RANGE(count, 1, UINT32_MAX, 0, "count", "NUMBER", "how many blocks; default: 1"),
	OPT_SIZE(block_bytes, 1, 0, "block-size", "SIZE", "of one; default: 4KiB"),
	OPT_NUMBER(seed, 0, "seed", "NUMBER", "chooses the blocks: the same seed, the same blocks; default: 0"),
	OPT_REST_OF_FAULT, OPT_END
};

struct row {
	char device[BP_NAME_SIZE];
	uint64_t id;
	const char *kind;
};
static const struct out_column columns[] = {
	COL_TEXT(struct row, device, OUT_DEFAULT, "name of the mapped device"),
	COL_NUMBER(struct row, id, OUT_DEFAULT, "what to call the fault in fault heal --id"),
	COL_TEXT(struct row, kind, OUT_DEFAULT, "what is wrong now"),
	OUT_COLUMNS_END
};
static const struct out_schema set_schema = {
	.name = "bedplate.fault.set", .help = "A fault that was put into a device.",
	.columns = columns, .flags = OUT_RECORD | OUT_ONE,
};
/* clang-format on */

/* One end of a range; nothing there is @missing. */
static int range_end(struct cli *cli, const char *text, size_t len, bp_sector missing,
		     bp_sector length, bp_sector *ret)
{
	_cleanup_(freep) char *word = strndup(text, len);
	bp_bytes bytes;
	int r;

	if (!word)
		return -ENOMEM;
	if (!len) {
		*ret = missing;
		return 0;
	}
	r = bp_size_parse(cli->ctx, word, BP_SECTOR_BYTES, bp_sector_to_bytes(length), &bytes);
	if (r == 0)
		*ret = bp_bytes_to_sector(bytes);
	return r < 0 || bytes % BP_SECTOR_BYTES == 0 ? r : -EDOM;
}

/* Either end may be left out: then it is the device's. */
static int one_range(struct cli *cli, const char *word, bp_sector length,
		     struct bp_fault_range *ret)
{
	const char *dots = strstr(word, "..");
	bp_sector start, end;
	int r;

	if (!dots)
		return cli_usage(cli, "--range '%s': it is written A..B", word);
	r = range_end(cli, word, (size_t)(dots - word), 0, length, &start);
	if (r == 0)
		r = range_end(cli, dots + 2, strlen(dots + 2), length, length, &end);
	if (r == -EDOM)
		return cli_usage(cli, "--range '%s': not whole sectors of 512 bytes", word);
	if (r < 0)
		return cli_usage(cli, "--range '%s': %s", word, bp_errmsg(cli->ctx));
	if (start >= end)
		return cli_usage(cli, "--range '%s': it is empty", word);
	*ret = (struct bp_fault_range){ start, end - start };
	return 0;
}

/* No words give no ranges, which stands for the whole device. */
int fault_ranges(struct cli *cli, const struct cli_list *words, bp_sector length,
		 struct bp_fault_range **ret, size_t *ret_count)
{
	struct bp_fault_range *ranges = NULL;
	int r = 0;

	if (words->count)
		ranges = calloc(words->count, sizeof(*ranges));
	if (words->count && !ranges)
		return cli_fail(cli, NULL, -ENOMEM);
	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = one_range(cli, words->words[i], length, &ranges[i]);
	if (r) {
		free(ranges);
		return r;
	}
	*ret = ranges;
	*ret_count = words->count;
	return 0;
}

/* Those of a file, behind those that were given. */
static int append_ranges(struct bp_fault_range **ranges, size_t *count,
			 const struct bp_fault_range_list *found)
{
	const size_t more = bp_fault_range_list_count(found);
	struct bp_fault_range *all = realloc(*ranges, (*count + more) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < more; i++)
		all[*count + i] = *bp_fault_range_list_get(found, i);
	*ranges = all;
	*count += more;
	return 0;
}

/* Of each part of the file that is wanted. */
static int file_ranges(struct cli *cli, const struct args *args, const struct bp_devno *dev,
		       struct bp_fault_range **ret, size_t *ret_count)
{
	_cleanup_(freep) struct bp_fault_range *parts = NULL;
	const struct bp_fault_range whole = { 0 };
	size_t count = 0;
	int r = fault_ranges(cli, &args->ranges, BP_TABLE_SECTOR_MAX, &parts, &count);

	for (size_t i = 0; r == 0 && i < MAX(count, (size_t)1); i++) {
		const struct bp_fault_range *part = count ? &parts[i] : &whole;
		struct bp_fault_range_list *found;

		r = bp_fault_file_ranges(cli->ctx, dev, args->file,
					 bp_sector_to_bytes(part->start_sectors),
					 bp_sector_to_bytes(part->length_sectors), &found);
		if (r < 0)
			return cli_fail(cli, args->file, r);
		r = append_ranges(ret, ret_count, found);
		bp_fault_range_list_free(found);
		if (r < 0)
			return cli_fail(cli, NULL, r);
	}
	for (size_t i = 0; i < bp_warnings_count(cli->ctx); i++)
		cli_warn(cli, "%s", bp_warning_get(cli->ctx, i));
	bp_warnings_clear(cli->ctx);
	return r;
}

/* 0 or an exit status. */
static int ranges_of(struct cli *cli, const struct args *args, const struct bp_devno *dev,
		     bp_sector length, struct bp_fault_range **ret, size_t *ret_count)
{
	struct bp_fault_range_list *found;
	int r;

	if (args->file)
		return file_ranges(cli, args, dev, ret, ret_count);
	if (!args->classes)
		return fault_ranges(cli, &args->ranges, length, ret, ret_count);
	r = bp_fault_class_ranges(cli->ctx, dev, args->classes, &found);
	if (r == 0) {
		r = append_ranges(ret, ret_count, found);
		bp_fault_range_list_free(found);
	}
	return r < 0 ? cli_fail(cli, args->target, r) : 0;
}

/* The length is that of the table now. */
static int device_of(struct cli *cli, const char *target, struct bp_devno *ret,
		     struct bp_device_info *ret_info, bp_sector *ret_length)
{
	struct bp_selector which = { 0 };
	struct bp_table *table;
	int r = bp_fault_find(cli->ctx, target, ret);

	which.major = ret->major;
	which.minor = ret->minor;
	if (r == 0)
		r = bp_device_info(cli->ctx, &which, ret_info);
	if (r == 0)
		r = bp_device_table(cli->ctx, &which, 0, &table);
	if (r < 0)
		return cli_fail(cli, target, r);
	*ret_length = bp_table_length(table);
	bp_table_free(table);
	return 0;
}

/* The number that was given is printed: heal takes it. */
static int put_in(struct cli *cli, const struct args *args, const struct bp_devno *dev,
		  const char *name, const struct bp_fault *fault)
{
	const struct bp_fault_opts how = {
		.size = sizeof(how),
		.state_dir = args->state_dir,
		.log = args->log,
		.flags = args->yes ? BP_FAULT_SYSTEM : 0,
		.timeout_ms = args->timeout_ms,
	};
	struct row row = { .kind = bp_fault_kind_name(fault->kind) };
	struct out *out;
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_fault_set(cli->ctx, dev, fault, &how, &row.id);
	if (r < 0 || cli->dry_run)
		return change_done(cli, args->target, r, row.kind);
	snprintf(row.device, sizeof(row.device), "%s", name);
	r = out_open(cli, NULL, &set_schema, &out);
	if (r)
		return r;
	out_add(out, NULL, &row);
	return out_print(out);
}

/* What doesn't fit its field must not be cut to something that does. */
static int run_kind(struct cli *cli, const struct args *args, enum bp_fault_kind kind)
{
	_cleanup_(freep) struct bp_fault_range *ranges = NULL;
	struct bp_fault fault = {
		.size = sizeof(fault),
		.kind = kind,
		.io = args->io,
		.delay_ms = args->delay_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)args->delay_ms,
		.corrupt_byte = (uint32_t)args->byte,
		.corrupt_value = (uint32_t)args->value,
		.bad_count = (uint32_t)args->count,
		.bad_block_bytes =
			args->block_bytes > UINT32_MAX ? 1 : (uint32_t)args->block_bytes,
		.seed = args->seed,
		.for_ms = args->for_ms < 0 ? 0 : args->for_ms,
		.file = args->file,
		.whole_file = !args->ranges.count,
	};
	struct bp_device_info info;
	struct bp_devno dev = { 0 };
	bp_sector length = 0;
	int r;

	if (args->delay_ms < 0)
		return cli_usage(cli, "--delay none: that is fault stall");
	r = device_of(cli, args->target, &dev, &info, &length);
	if (r == 0)
		r = ranges_of(cli, args, &dev, length, &ranges, &fault.nr_ranges);
	if (r)
		return r;
	fault.ranges = ranges;
	return put_in(cli, args, &dev, info.name, &fault);
}

static int run_slow(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_SLOW);
}

static int run_stall(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_STALL);
}

static int run_error(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_ERROR);
}

static int run_drop(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_DROP);
}

static int run_corrupt(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_CORRUPT);
}

static int run_bad(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_BAD_SECTORS);
}

static int run_full(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_FULL);
}

static int run_cut(struct cli *cli, const void *p)
{
	return run_kind(cli, p, BP_FAULT_POWER_CUT);
}

/* clang-format off */
#define FAULT_CMD(verb, text, example, options, function) \
	{ \
		.name = "fault " verb, \
		.group = "Faults", \
		.summary = text, \
		.examples = "  bedplate fault " verb " " example "\n", \
		.opts = options, \
		.args_size = sizeof(struct args), \
		.flags = CMD_DRY_RUN, \
		.schemas = SCHEMAS(&set_schema, &plan_schema), \
		.run = function, \
	}

const struct cmd cmd_fault_slow =
	FAULT_CMD("slow", "Let I/O of a device take longer.",
		"/mnt --journal --delay 20ms", slow_opts, run_slow);
const struct cmd cmd_fault_stall =
	FAULT_CMD("stall", "Hold I/O of a device back until it is healed.",
		"data --for 5s", stall_opts, run_stall);
const struct cmd cmd_fault_error =
	FAULT_CMD("error", "Let I/O of a device fail.",
		"data --writes --range 1GiB..2GiB", error_opts, run_error);
const struct cmd cmd_fault_drop =
	FAULT_CMD("drop", "Lose what is written to a device, without an error.",
		"data --for 10s", drop_opts, run_drop);
const struct cmd cmd_fault_corrupt =
	FAULT_CMD("corrupt", "Change a byte of what is read or written.",
		"/mnt --file /mnt/db --reads --byte 100", corrupt_opts, run_corrupt);
const struct cmd cmd_fault_bad_sectors =
	FAULT_CMD("bad-sectors", "Let some blocks of a device, chosen by a seed, fail.",
		"data --count 3 --seed 7", bad_opts, run_bad);
const struct cmd cmd_fault_full =
	FAULT_CMD("full", "Let writes to a device fail for want of space.",
		"/mnt", full_opts, run_full);
const struct cmd cmd_fault_power_cut =
	FAULT_CMD("power-cut", "Let nothing reach a device any more, from here on.",
		"data --for 5s", cut_opts, run_cut);
/* clang-format on */
