/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fields of a target's status as columns. */
#ifndef COMMANDS_STATUS_TEXT_H
#define COMMANDS_STATUS_TEXT_H

#include "cli/out.h"

#include <bedplate/table.h>

/*
 * Columns for the devices of one target: those of @base, up to its OUT_COLUMNS_END, and one for
 * each field that is a single value. @defaults: which of @base are shown without -o, by name.
 * @ret: field_columns_free() it. Return: 0 or -errno; -ENOENT: the target has no fields.
 */
int field_columns_new(const struct bp_target *target, const struct out_column *base,
		      const char *defaults, struct out_column **ret);
void field_columns_free(struct out_column *columns, const struct out_column *base);

/* Set the fields' columns; what the status doesn't have stays unset. Return: 0 or -errno. */
int field_columns_set(struct cli *cli, const struct out_column *columns,
		      const struct out_column *base, const struct bp_status *status,
		      struct out_row *row);

#endif
