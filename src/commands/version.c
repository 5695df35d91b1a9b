// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/out.h"

#include <bedplate/device.h>

static const struct cmd_opt opts[] = { OPT_END };

enum { LIBRARY, DRIVER };
static const struct out_column columns[] = {
	[LIBRARY] = { "library", OUT_TEXT, OUT_DEFAULT,
		      "version of this program and its library" },
	[DRIVER] = { "driver", OUT_TEXT, OUT_DEFAULT,
		     "version of the kernel's ioctl interface" },
	OUT_COLUMNS_END
};

static int run(struct cli *cli, const void *p)
{
	struct bp_dm_version version;
	struct out *out;
	struct out_row *row;
	int r = out_new(cli, NULL, "bedplate.version", columns, OUT_RECORD | OUT_ONE, &out);

	(void)p;
	if (r)
		return r;
	row = out_row(out, NULL);
	out_text(row, LIBRARY, bp_version());
	r = bp_dm_version(cli->ctx, &version);
	if (r >= 0)
		out_textf(row, DRIVER, "%u.%u.%u", version.major, version.minor, version.patch);
	else
		r = cli_fail(cli, NULL, r);
	return out_print(out) || r ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_version = {
	.name = "version",
	.group = "Devices",
	.summary = "Print the versions of the library and of the kernel's device-mapper.",
	.opts = opts,
	.flags = CMD_READS,
	.run = run,
};
