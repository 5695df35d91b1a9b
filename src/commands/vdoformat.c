/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vdoformat: options and output of the tool of that name, as LVM reads it ("Logical blocks
 * defaulted to N blocks"). Other than that one nothing is written before all is known to be
 * right, and files are taken too.
 */
#include "commands/vdo.h"

#include <ctype.h>
#include <inttypes.h>

struct args {
	const char *path, *logical, *slab_bits, *memory;
	bool sparse, force;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "DEVICE", "block device, or file"),
	OPT_FLAG(force, 0, "force", "overwrite what it holds"),
	OPT_STRING(logical, 0, "logical-size", "SIZE", "what the volume shows; B K M G T P, bare: M; 0: as much as it can hold without duplicates"),
	OPT_STRING(slab_bits, 0, "slab-bits", "BITS", "2 to the power of this is the number of blocks of a slab: 13 to 23; default 19"),
	OPT_STRING(memory, 0, "uds-memory-size", "GIGABYTES", "of the index of duplicates: 0.25 (the default), 0.5, 0.75, or 1 to 1024"),
	OPT_FLAG(sparse, 0, "uds-sparse", "an index that remembers ten times more"),
	OPT_END
};
/* clang-format on */

/* Digits as C has them (0x.., 0..), a letter of "BKMGTP" in either case; bare: MiB. */
static int parse_size(struct cli *cli, const char *text, uint64_t *ret)
{
	static const char units[] = "BKMGTP";
	const char *unit = &units[2];
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || errno)
		return cli_usage(cli, "--logical-size: '%s' is not a size", text);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		end++;
	}
	if (!unit || *end)
		return cli_usage_hint(cli, "B, K, M, G, T or P",
				      "--logical-size: '%s' is not a size", text);
	if (__builtin_mul_overflow(value, UINT64_C(1) << (10 * (unit - units)), ret))
		return cli_usage(cli, "--logical-size: '%s' is too large", text);
	return EXIT_OK;
}

/* Bits of blocks: 13 are 32 MiB, 23 are 32 GiB. */
static int parse_bits(struct cli *cli, const char *text, uint64_t *ret_bytes)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 0);

	if (!isdigit((unsigned char)text[0]) || *end || bits < 13 || bits > 23)
		return cli_usage(cli, "--slab-bits: '%s' is no number from 13 to 23", text);
	*ret_bytes = bp_mblock_to_bytes(UINT64_C(1) << bits);
	return EXIT_OK;
}

/* As words, since quarters are no numbers of bytes to that tool. */
static int parse_memory(struct cli *cli, const char *text, uint64_t *ret_bytes)
{
	static const struct {
		const char *text;
		unsigned quarters;
	} shares[] = { { "0.25", 1 }, { "0.5", 2 }, { "0.50", 2 }, { "0.75", 3 } };
	char *end;
	unsigned long gib;

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (streq(shares[i].text, text)) {
			*ret_bytes = shares[i].quarters * (UINT64_C(1) << 28);
			return EXIT_OK;
		}
	gib = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || gib < 1 || gib > 1024)
		return cli_usage_hint(cli, "0.25, 0.5, 0.75, or 1 to 1024",
				      "--uds-memory-size: '%s' can't be", text);
	*ret_bytes = (uint64_t)gib << 30;
	return EXIT_OK;
}

/* "32.00 MB": two decimals, rounded, of the largest unit that leaves a whole. */
static const char *readable(bp_bytes bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		value /= 1024;
	snprintf(buf, size, "%.2f %s", value, units[unit]);
	return buf;
}

/* That tool's sentences. */
static void print(struct cli *cli, bool defaulted, const struct bp_vdo_volume *v)
{
	bp_bytes slab = bp_mblock_to_bytes(v->slab_mblocks);
	char total[32], each[32];

	if (defaulted)
		fprintf(cli->out, "Logical blocks defaulted to %" PRIu64 " blocks.\n",
			v->logical_mblocks);
	fprintf(cli->out, "The VDO volume can address %s in %" PRIu64 " data slab",
		readable(v->nr_slabs * slab, total, sizeof(total)), v->nr_slabs);
	if (v->nr_slabs > 1)
		fprintf(cli->out, "s, each %s", readable(slab, each, sizeof(each)));
	fprintf(cli->out,
		".\nIt can grow to address at most %s of physical storage in %u slabs.\n",
		readable(BP_VDO_SLABS_MAX * slab, total, sizeof(total)), BP_VDO_SLABS_MAX);
	if (slab < UINT64_C(1) << 35)
		fputs("If a larger maximum size might be needed, use bigger slabs.\n",
		      cli->out);
}

static void on_found(void *user, const char *what)
{
	cli_note(user, "overwriting: %s", what);
}

static int format(struct cli *cli, const struct args *args, struct bp_vdo_format_opts *how)
{
	struct bp_vdo_volume volume = { .size = sizeof(volume) };
	bp_bytes least;
	int r = bp_vdo_format(cli->ctx, args->path, how, &volume);

	if (r == -ENOSPC) {
		r = cli_fail(cli, args->path, r);
		if (bp_vdo_minimum(cli->ctx, how, &least) == 0)
			cli_note(cli, "Minimum required size for VDO volume: %" PRIu64 " bytes",
				 least);
		return r;
	}
	if (r < 0)
		return cli_fail(cli, args->path, r);
	print(cli, how->logical_bytes == 0, &volume);
	return EXIT_OK;
}

/* That tool's options, our library's defaults. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_vdo_format_opts how = {
		.size = sizeof(how),
		.index_sparse = args->sparse,
		.flags = args->force ? BP_VDO_FORMAT_FORCE : 0,
		.found = on_found,
		.progress = cli_progress,
		.user = cli,
	};
	int r = EXIT_OK;

	if (args->logical)
		r = parse_size(cli, args->logical, &how.logical_bytes);
	if (!r && args->slab_bits)
		r = parse_bits(cli, args->slab_bits, &how.slab_bytes);
	if (!r && args->memory)
		r = parse_memory(cli, args->memory, &how.index_memory_bytes);
	return r ? r : format(cli, args, &how);
}

const struct cmd cmd_vdoformat = {
	.name = "vdoformat",
	.group = VDO_GROUP,
	.summary = "Make a vdo volume, with the options of the tool of this name.",
	.examples = "  vdoformat --slab-bits 23 /dev/sdb\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.level = "8.3.2",
	.run = run,
};
