/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking for what the kernel would refuse in a table, before it is asked. */
#ifndef COMMANDS_PREFLIGHT_H
#define COMMANDS_PREFLIGHT_H

#include "cli/out.h"

#include <bedplate/table.h>

/* "unknown", "warning" ... by enum bp_severity. */
extern const char *const severity_words[];
/* A table's segment as bp_table_json() writes it. */
extern const struct out_column segment_members[];
/* What preflight_print() prints. */
extern const struct out_schema preflight_schema;

/* What the table is for; zero: nothing is known. */
struct preflight {
	bool skip; /* don't look at all */
	bool read_only;
	bool printed;            /* the table is what a kernel printed */
	bool offline;            /* look at no device and ask no kernel */
	uint32_t kernel_release; /* 0xMMmm; 0: the running one's, unless offline */
	char device[32];         /* "MAJOR:MINOR" of the existing device it is for */
	const struct bp_table *live;
};

/*
 * Fill in what is known of an existing device that the table is for. @ret_live: its live table;
 * lives as long as @how is used. Return: 0 or an exit status.
 */
int preflight_device(struct cli *cli, const char *name, struct preflight *how,
		     struct bp_table **ret_live);

int preflight_check(struct cli *cli, const struct bp_table *table, const struct preflight *how,
		    struct bp_findings **ret);

/* Tell what was found and fail where the kernel would. Return: 0 or an exit status. */
int preflight_refuse(struct cli *cli, const char *name, const struct bp_table *table,
		     const struct preflight *how);

/* A device that a dry run tells of; all is lent. */
struct planned {
	const char *name, *uuid; /* uuid: "" or NULL: none */
	bool read_only;
	const struct bp_table *table; /* NULL: none */
};

/*
 * A dry run: print the tables as they would be loaded and what was found in them. The devices may
 * lie on one another. @skip: look for nothing. Return: 0, or 1 where the kernel would refuse one.
 */
int preflight_print(struct cli *cli, const struct planned *devices, size_t count, bool skip);

#endif
