/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Versions: of the program, and of what the kernel speaks. */
#include "cli/out.h"

#include <bedplate/device.h>

static const struct cmd_opt opts[] = { OPT_END };

struct row {
	const char *library, *driver;
};
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, library, OUT_DEFAULT, "version of this program and its library"),
	COL_TEXT(struct row, driver, OUT_DEFAULT, "version of the kernel's ioctl interface"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.version", .columns = columns, .flags = OUT_RECORD | OUT_ONE,
};
/* clang-format on */

/* Without a kernel's answer it is exit status 1, and the library's version all the same. */
static int run(struct cli *cli, const void *p)
{
	struct row row = { .library = bp_version() };
	struct bp_dm_version version;
	char driver[40];
	struct out *out;
	int r = out_open(cli, NULL, &schema, &out);

	(void)p;
	if (r)
		return r;
	r = bp_dm_version(cli->ctx, &version);
	if (r >= 0) {
		snprintf(driver, sizeof(driver), "%u.%u.%u", version.major, version.minor,
			 version.patch);
		row.driver = driver;
	} else {
		r = cli_fail(cli, NULL, r);
	}
	out_add(out, NULL, &row);
	return out_print(out) || r ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_version = {
	.name = "version",
	.group = "Devices",
	.summary = "Print the versions of the library and of the kernel's device-mapper.",
	.examples = "  bedplate version --json\n",
	.opts = opts,
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
