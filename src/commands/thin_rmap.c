/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who owns regions of a pool's data device; drop-in for thin_rmap(8). Reads only. */
#include "cli/line.h"
#include "cli/out.h"
#include "cli/relay.h"
#include "commands/active.h"
#include "core/number.h"

#include <bedplate/thin_delta.h>

struct args {
	const char *path, *snap, *io_engine;
	struct cli_list regions;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_LIST(regions, 0, "region", "RANGE", "BEGIN..END: data blocks from BEGIN to END - 1; may be given again"),
	OPT_OPTIONAL(snap, 'm', "metadata-snap", "BLOCK", "look in the metadata snapshot of a pool, which may be active; BLOCK is not looked at"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_END
};
/* clang-format on */

/* " -> thin(ID) " */
struct name {
	uint64_t device;
	struct line_piece text; /* empty: none yet */
};
#define NAMES 64u

/* Owners of one block come one after the other: what their lines have in common is made once. */
struct made {
	struct line_part data, thin;
	struct name names[NAMES]; /* by the last bits of the device */
};

struct print {
	struct cli *cli;
	struct bp_json *json;
	struct relay relay; /* of struct bp_thin_owner */
};

/* clang-format off */
static const struct out_column columns[] = {
	DOC("dev_id", OUT_NUMBER, "id of the device"),
	DOC("data_begin", OUT_NUMBER, "first data block"),
	DOC("thin_begin", OUT_NUMBER, "block of the device that lies there"),
	DOC("length", OUT_NUMBER, "how many blocks"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_rmap", .columns = columns,
};
/* clang-format on */

/* "5..45": digits only, the first less than the second. */
static bool parse_region(const char *word, struct bp_thin_region *ret)
{
	char *end;

	errno = 0;
	if (*word < '0' || *word > '9')
		return false;
	ret->begin = strtoull(word, &end, 10);
	if (end[0] != '.' || end[1] != '.' || end[2] < '0' || end[2] > '9')
		return false;
	ret->end = strtoull(end + 2, &end, 10);
	return *end == '\0' && errno == 0 && ret->begin < ret->end;
}

/* All of them before the first is looked for. */
static int read_regions(struct cli *cli, const struct args *args, struct bp_thin_region *to)
{
	if (args->regions.count == 0)
		return cli_usage(cli, "No regions provided: give --region BEGIN..END");
	for (size_t i = 0; i < args->regions.count; i++) {
		if (!parse_region(args->regions.words[i], &to[i]))
			return cli_usage(cli,
					 "--region: badly formed region '%s': "
					 "it is BEGIN..END, BEGIN below END",
					 args->regions.words[i]);
	}
	return 0;
}

static const struct line_piece *name_device(struct made *m, uint64_t device)
{
	struct name *name = &m->names[device % NAMES];
	struct line_piece *piece = &name->text;

	if (piece->len && name->device == device)
		return piece;
	*piece = (struct line_piece)LINE_PIECE(" -> thin(");
	piece->len += number_format(piece->text + piece->len, device);
	piece->text[piece->len++] = ')';
	piece->text[piece->len++] = ' ';
	name->device = device;
	return piece;
}

/* For the relay: all of it is less than LINE_MAX_BYTES. */
static char *print_owner(void *state, const void *thing, char *at)
{
	const struct bp_thin_owner *owner = thing;
	struct made *m = state;
	const struct line_piece *name = name_device(m, owner->device);

	line_part_set(&m->data, owner->data_begin, owner->data_begin + owner->length);
	line_part_set(&m->thin, owner->virtual_begin, owner->virtual_begin + owner->length);
	memcpy(at, "data ", 5);
	at = line_part_put(at + 5, &m->data);
	memcpy(at, name->text, sizeof(name->text));
	at = line_part_put(at + name->len, &m->thin);
	*at = '\n';
	return at + 1;
}

static int write_lines(void *user, const char *text, size_t len)
{
	FILE *out = user;

	return fwrite_unlocked(text, 1, len, out) == len ? 0 : -EPIPE;
}

static int on_owner(void *user, const struct bp_thin_owner *owner)
{
	struct print *p = user;
	struct bp_thin_owner *to = relay_add(&p->relay);

	cli_progress_end(p->cli); /* lines may come on the same terminal now */
	if (!to)
		return p->relay.error;
	*to = *owner;
	return 0;
}

static int on_owner_json(void *user, const struct bp_thin_owner *owner)
{
	struct print *p = user;

	bp_json_object(p->json, NULL);
	bp_json_uint(p->json, "dev_id", owner->device);
	bp_json_uint(p->json, "data_begin", owner->data_begin);
	bp_json_uint(p->json, "thin_begin", owner->virtual_begin);
	bp_json_uint(p->json, "length", owner->length);
	bp_json_object_close(p->json);
	return ferror_unlocked(p->cli->out) ? -EPIPE : 0;
}

/* One walk for all regions. */
static int look(struct cli *cli, const struct args *args, struct bp_thin_meta *meta,
		const struct bp_thin_region *regions)
{
	struct bp_thin_rmap_opts opt = {
		.size = sizeof(opt),
		.progress = cli_progress,
		.progress_user = cli,
	};
	const struct relay_how lines = {
		.thing_size = sizeof(struct bp_thin_owner),
		.state_size = sizeof(struct made),
		.max_bytes = LINE_MAX_BYTES,
		.format = print_owner,
		.write = write_lines,
		.user = cli->out,
	};
	struct print p = { .cli = cli };
	int written, r = cli->json ? cli_json_start(cli, &schema, &p.json) : 0;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (p.json)
		bp_json_array(p.json, "data");
	cli_progress_title(cli, "Looking for owners");
	r = relay_init(&p.relay, &lines);
	if (r == 0)
		r = bp_thin_rmap(meta, regions, args->regions.count, &opt,
				 p.json ? on_owner_json : on_owner, &p);
	written = relay_end(&p.relay);
	r = r < 0 ? r : written;
	if (r < 0) {
		const char *subject = ferror(cli->out) ? NULL : args->path;

		return p.json ? cli_json_fail(cli, p.json, subject, r)
			      : cli_fail(cli, subject, r);
	}
	if (!p.json)
		return EXIT_OK;
	bp_json_array_close(p.json);
	return cli_json_end(cli, p.json);
}

static int run(struct cli *cli, const void *p)
{
	struct args args = *(const struct args *)p;
	_cleanup_(freep) struct bp_thin_region *regions =
		calloc(args.regions.count + 1, sizeof(*regions));
	struct bp_thin_open_opts how = { .size = sizeof(how) };
	struct active_pool active;
	struct bp_thin_meta *meta;
	int r, status;

	if (!regions)
		return cli_fail(cli, NULL, -ENOMEM);
	status = read_regions(cli, &args, regions);
	if (!status)
		status = active_metadata(cli, &active, &args.path, &args.snap);
	if (status)
		return status;
	how.flags = args.snap ? BP_THIN_OPEN_SNAP : 0;
	r = bp_thin_open(cli->ctx, args.path, &how, &meta);
	if (r < 0)
		return cli_fail(cli, args.path, r);
	status = look(cli, &args, meta, regions);
	bp_thin_close(meta);
	return status;
}

const struct cmd cmd_thin_rmap = {
	.name = "thin_rmap",
	.group = "Metadata",
	.summary = "Print which devices map given data blocks, and where.",
	.examples = "  thin_rmap --region 0..1000 /dev/vg/pool_tmeta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
