/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The volumes of a thin pool and what of their blocks is theirs alone; drop-in for thin_ls(8).
 * Reads only.
 */
#include "cli/out.h"
#include "commands/active.h"

#include <bedplate/thin_ls.h>

#include <inttypes.h>

struct args {
	const char *path, *snap, *format, *io_engine;
	bool no_headers;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_STRING(format, 'o', "format", "FIELDS", "what to print, by commas; default: DEV,MAPPED,CREATE_TIME,SNAP_TIME"),
	OPT_FLAG(no_headers, 0, "no-headers", "no line of headings"),
	OPT_OPTIONAL(snap, 'm', "metadata-snap", "BLOCK", "list the metadata snapshot of a pool, which may be active; BLOCK is not looked at"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_END
};
/* clang-format on */

/* What a field shows, and in which unit. */
enum what {
	DEVICE,
	MAPPED,
	EXCLUSIVE,
	SHARED,
	HIGHEST,
	TRANSACTION,
	CREATE_TIME,
	SNAP_TIME,
};
enum unit {
	BLOCKS,
	SECTORS,
	BYTES,
	PRETTY,
};

static const struct field {
	const char *name;
	enum what what;
	enum unit unit;
} fields[] = {
	{ "DEV", DEVICE, BLOCKS },
	{ "MAPPED_BLOCKS", MAPPED, BLOCKS },
	{ "EXCLUSIVE_BLOCKS", EXCLUSIVE, BLOCKS },
	{ "SHARED_BLOCKS", SHARED, BLOCKS },
	{ "HIGHEST_BLOCK", HIGHEST, BLOCKS },
	{ "MAPPED_SECTORS", MAPPED, SECTORS },
	{ "EXCLUSIVE_SECTORS", EXCLUSIVE, SECTORS },
	{ "SHARED_SECTORS", SHARED, SECTORS },
	{ "HIGHEST_SECTOR", HIGHEST, SECTORS },
	{ "MAPPED_BYTES", MAPPED, BYTES },
	{ "EXCLUSIVE_BYTES", EXCLUSIVE, BYTES },
	{ "SHARED_BYTES", SHARED, BYTES },
	{ "HIGHEST_BYTE", HIGHEST, BYTES },
	{ "MAPPED", MAPPED, PRETTY },
	{ "EXCLUSIVE", EXCLUSIVE, PRETTY },
	{ "SHARED", SHARED, PRETTY },
	{ "HIGHEST_MAPPED", HIGHEST, PRETTY },
	{ "TRANSACTION", TRANSACTION, BLOCKS },
	{ "CREATE_TIME", CREATE_TIME, BLOCKS },
	{ "SNAP_TIME", SNAP_TIME, BLOCKS },
};
#define DEFAULT_FORMAT "DEV,MAPPED,CREATE_TIME,SNAP_TIME"
#define MAX_FIELDS     64
#define CELL           24

struct list {
	const struct field *fields[MAX_FIELDS];
	unsigned nr_fields;
	uint32_t data_block_sectors;
	struct bp_thin_usage *rows;
	size_t nr_rows, size;
};

static const struct field *find_field(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
			return &fields[i];
	}
	return NULL;
}

/* Any order, also the same field twice; MAX_FIELDS bounds the line. */
static int read_format(struct cli *cli, struct list *list, const char *format)
{
	while (*format) {
		size_t len = strcspn(format, ",");
		const struct field *field = find_field(format, len);

		if (!field)
			return cli_usage_hint(cli, "thin_ls(8) lists the fields",
					      "--format: unknown field '%.*s'", (int)len,
					      format);
		if (list->nr_fields == MAX_FIELDS)
			return cli_usage(cli, "--format: more than %d fields", MAX_FIELDS);
		list->fields[list->nr_fields++] = field;
		format += len;
		format += *format == ',';
	}
	return 0;
}

/* What must be found out for these fields. */
static uint32_t flags_for(const struct list *list)
{
	uint32_t flags = 0;

	for (unsigned i = 0; i < list->nr_fields; i++) {
		if (list->fields[i]->what == EXCLUSIVE || list->fields[i]->what == SHARED)
			flags |= BP_THIN_LS_SHARING;
		if (list->fields[i]->what == HIGHEST)
			flags |= BP_THIN_LS_HIGHEST;
	}
	return flags;
}

/* Kept, as widths are known only behind the last row. */
static int add_row(void *user, const struct bp_thin_usage *usage)
{
	struct list *list = user;

	if (list->nr_rows == list->size) {
		size_t size = list->size ? 2 * list->size : 64;
		void *rows = realloc(list->rows, size * sizeof(*list->rows));

		if (!rows)
			return -ENOMEM;
		list->rows = rows;
		list->size = size;
	}
	list->rows[list->nr_rows++] = *usage;
	return 0;
}

/* --- text --- */

/* At most 8192 of a unit, rounded to the nearest where the next one is taken. */
static void print_pretty(char *cell, uint64_t bytes)
{
	static const char *const units[] = { "b", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;

	while (bytes > 8192 && bytes >> 20) {
		bytes >>= 10;
		unit++;
	}
	if (bytes > 8192) {
		bytes = (bytes + 512) >> 10;
		unit++;
	}
	snprintf(cell, CELL, "%" PRIu64 "%s", bytes, units[unit]);
}

/* @blocks in the field's unit; @last: the last sector or byte of block @blocks itself. */
static void print_blocks(char *cell, uint64_t blocks, enum unit unit, bool last,
			 uint32_t block_sectors)
{
	uint64_t value = blocks;

	if (unit != BLOCKS) {
		value = (blocks + last) * block_sectors;
		value = unit == SECTORS ? value : bp_sector_to_bytes(value);
		value -= last;
	}
	if (unit == PRETTY)
		print_pretty(cell, value);
	else
		snprintf(cell, CELL, "%" PRIu64, value);
}

/* All values by field: the table is the only place that knows which is which. */
static void print_cell(char *cell, const struct list *list, const struct field *field,
		       const struct bp_thin_usage *row)
{
	const uint64_t values[] = {
		[DEVICE] = row->device.id,
		[MAPPED] = row->device.mapped_dblocks,
		[EXCLUSIVE] = row->exclusive_dblocks,
		[SHARED] = row->shared_dblocks,
		[HIGHEST] = row->highest_dblock == BP_NONE ? 0 : row->highest_dblock,
		[TRANSACTION] = row->device.transaction_id,
		[CREATE_TIME] = row->device.creation_time,
		[SNAP_TIME] = row->device.snapshotted_time,
	};

	print_blocks(cell, values[field->what], field->unit, field->what == HIGHEST,
		     list->data_block_sectors);
}

/* The widest of the column, heading apart. */
static int width_of(const struct list *list, const struct field *field)
{
	char cell[CELL];
	int width = 0;

	for (size_t i = 0; i < list->nr_rows; i++) {
		print_cell(cell, list, field, &list->rows[i]);
		width = MAX(width, (int)strlen(cell));
	}
	return width;
}

static void find_widths(const struct list *list, bool headings, int *widths)
{
	for (unsigned f = 0; f < list->nr_fields; f++) {
		const struct field *field = list->fields[f];
		int least = headings ? (int)strlen(field->name) : 0;

		widths[f] = MAX(least, width_of(list, field));
	}
}

/* A blank stands behind each field, the last one too. */
static int print_text(struct cli *cli, const struct list *list, bool headings)
{
	int widths[MAX_FIELDS];
	char cell[CELL];

	find_widths(list, headings, widths);
	for (unsigned f = 0; headings && f < list->nr_fields; f++)
		fprintf(cli->out, "%*s ", widths[f], list->fields[f]->name);
	if (headings && list->nr_fields)
		fputc('\n', cli->out);
	for (size_t i = 0; i < list->nr_rows; i++) {
		for (unsigned f = 0; f < list->nr_fields; f++) {
			print_cell(cell, list, list->fields[f], &list->rows[i]);
			fprintf(cli->out, "%*s ", widths[f], cell);
		}
		fputc('\n', cli->out);
	}
	return EXIT_OK;
}

/* --- JSON --- */

/* clang-format off */
static const struct out_column device_members[] = {
	COL_NUMBER_AS("dev_id", struct bp_thin_usage, device.id, 0, "id of the device"),
	COL_NUMBER_AS("mapped_blocks", struct bp_thin_usage, device.mapped_dblocks, 0, "data blocks it has, own or shared"),
	COL_NUMBER_AS("exclusive_blocks", struct bp_thin_usage, exclusive_dblocks, 0, "of them, those it has alone"),
	COL_NUMBER_AS("shared_blocks", struct bp_thin_usage, shared_dblocks, 0, "and those that others have too"),
	DOC("highest_block", OUT_NUMBER, "its last mapped block; null: none is"),
	COL_NUMBER_AS("transaction_id", struct bp_thin_usage, device.transaction_id, 0, "transaction that made it"),
	COL_NUMBER_AS("creation_time", struct bp_thin_usage, device.creation_time, 0, "the pool's clock at its creation"),
	COL_NUMBER_AS("snapshotted_time", struct bp_thin_usage, device.snapshotted_time, 0, "and at its last snapshot"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC("data_block_bytes", OUT_SIZE, "size of a data block"),
	DOC_LIST("devices", device_members, "by ascending id"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_ls", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* null: nothing is mapped, so there is no highest block. */
static void print_device(struct bp_json *json, const struct bp_thin_usage *row)
{
	bp_json_object(json, NULL);
	out_members(json, device_members, row);
	if (row->highest_dblock == BP_NONE)
		bp_json_null(json, "highest_block");
	else
		bp_json_uint(json, "highest_block", row->highest_dblock);
	bp_json_object_close(json);
}

static int print_json(struct cli *cli, const struct list *list)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "data_block_bytes", bp_sector_to_bytes(list->data_block_sectors));
	bp_json_array(json, "devices");
	for (size_t i = 0; i < list->nr_rows; i++)
		print_device(json, &list->rows[i]);
	bp_json_array_close(json);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* Sharing costs a walk over all trees: only where a field needs it. */
static int list_devices(struct cli *cli, const struct args *args, struct list *list)
{
	struct bp_thin_open_opts open = {
		.size = sizeof(open),
		.flags = args->snap ? BP_THIN_OPEN_SNAP : 0,
	};
	uint32_t flags = cli->json ? BP_THIN_LS_SHARING | BP_THIN_LS_HIGHEST : flags_for(list);
	struct bp_thin_meta *meta;
	int r;

	r = bp_thin_open(cli->ctx, args->path, &open, &meta);
	if (r < 0)
		return cli_fail(cli, args->path, r);
	list->data_block_sectors = bp_thin_superblock_get(meta)->data_block_sectors;
	r = bp_thin_ls(meta, flags, add_row, list);
	bp_thin_close(meta);
	return r < 0 ? cli_fail(cli, args->path, r) : 0;
}

/* The format is read before the pool is opened. */
static int run(struct cli *cli, const void *p)
{
	struct args args = *(const struct args *)p;
	struct active_pool active;
	struct list list = { 0 };
	int status;

	status = read_format(cli, &list, args.format ? args.format : DEFAULT_FORMAT);
	if (!status)
		status = active_metadata(cli, &active, &args.path, &args.snap);
	if (!status)
		status = list_devices(cli, &args, &list);
	if (!status)
		status = cli->json ? print_json(cli, &list)
				   : print_text(cli, &list, !args.no_headers);
	free(list.rows);
	return status;
}

const struct cmd cmd_thin_ls = {
	.name = "thin_ls",
	.group = "Metadata",
	.summary = "List the devices in a thin pool's metadata.",
	.examples = "  thin_ls -o DEV,MAPPED,EXCLUSIVE /dev/vg/pool_tmeta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
