/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the device verbs share: naming a device, dry runs, results. */
#ifndef COMMANDS_COMMON_H
#define COMMANDS_COMMON_H

#include "cli/out.h"

#include <bedplate/device.h>
#include <bedplate/table.h>

/* clang-format off */
#define DEVICE_HELP "a name, a path, or MAJOR:MINOR"
#define OPT_TIMEOUT(m) \
	OPT_TIME(m, 0, "timeout", "TIME", "give up after this long: 500ms, 30s (the default), none")
#define OPT_UDEV(m) \
	OPT_CHOICE(m, udev_policies, 0, "udev", "POLICY", "what udev does with it: public (the default), private (a node only), none (kept out)")
/* clang-format on */
extern const char *const udev_policies[]; /* by enum bp_udev_policy */

/* The path, number or name that a person typed. Lends @text. */
struct bp_selector device_named(const char *text);

/*
 * Calls that change something stand between these two. Under -n the library plans, and what
 * it would do is printed. @r: what the call returned. @done: "removed", for programs.
 * Return: an exit status; of change_begin() other than 0 where it failed.
 */
int change_begin(struct cli *cli);
int change_done(struct cli *cli, const char *subject, int r, const char *done);
/* The documents of a verb that ends so: its own, and the plan of -n. */
#define SCHEMA_CHANGE(name) SCHEMAS(&CHANGE_SCHEMA_(name, OUT_ONE), &plan_schema)
/* The same for several devices (changes_begin(), change_each()): a list. */
#define SCHEMA_CHANGES(name) SCHEMAS(&CHANGE_SCHEMA_(name, 0), &plan_schema)
#define CHANGE_SCHEMA_(n, f)                                                                   \
	(const struct out_schema)                                                              \
	{                                                                                      \
		.name = n, .columns = change_columns, .flags = f                               \
	}
extern const struct out_column change_columns[];
extern const struct out_schema plan_schema;

/*
 * The same for several devices, told one after the other: @r of each is the library's error, or
 * 0 and what was done. A failure does not stop the rest.
 */
struct changes {
	struct cli *cli;
	const struct cli_list *names;
	struct out *out;
	int worst;
};
int changes_begin(struct cli *cli, const struct cli_list *names, struct changes *ret);
void changes_add(struct changes *changes, size_t index, int r, const char *done);
int changes_end(struct changes *changes);

/*
 * Do @one to each of @names; a failure is reported and doesn't stop the rest.
 * @one: returns 0 and what was done, or the library's error.
 */
int change_each(struct cli *cli, const struct cli_list *names, const void *args,
		int (*one)(struct cli *cli, const void *args, const struct bp_selector *which,
			   const char **ret_done));

/*
 * The devices an asking verb is about: those named, or all. Walk: for (i = 0; i <
 * devices_count(); i++). A name that isn't there is found out by the call that asks for it.
 */
struct devices {
	const struct cli_list *names;
	struct bp_device_list *list;
};
/* Return: 0 or an exit status. */
int devices_init(struct cli *cli, const struct cli_list *names, struct devices *ret);
void devices_done(struct devices *devices);
size_t devices_count(const struct devices *devices);
struct bp_selector devices_get(const struct devices *devices, size_t index);
/* Of all: has one gone since they were listed? Then it is not there, and no failure. */
bool devices_went(const struct devices *devices, int r);

/*
 * Ask each device. One that fails is reported and doesn't stop the rest. Return: an exit status.
 * @add: returns 0 or the library's error.
 */
int ask_each(struct cli *cli, const struct cli_list *names,
	     int (*add)(struct cli *cli, const struct bp_selector *which, void *user),
	     void *user);
/* The same, then print what @add has put into @out, which is freed and NULL then. */
int print_each(struct cli *cli, const struct cli_list *names, struct out **out,
	       int (*add)(struct cli *cli, const struct bp_selector *which, void *user),
	       void *user);

/* MAJOR:MINOR as text. */
#define DEVNO_TEXT 24
const char *devno_text(char *buf, uint32_t major, uint32_t minor);

/* What the kernel doesn't tell of a device with its name. */
struct device_about {
	char path[BP_NODE_SIZE]; /* "": it is not there any more */
	uint64_t size_bytes;     /* OUT_UNKNOWN: it could not be asked */
	char targets[64];        /* each once, by commas; cut where there are many */
};
void device_about(struct cli *cli, uint32_t major, uint32_t minor, struct device_about *ret);
/* What could not be asked is told, unless the device is gone: then there is nothing to tell. */
void device_unknown(struct cli *cli, uint32_t major, uint32_t minor, int r);
#define SIZE_HELP    "size of the live table"
#define TARGETS_HELP "targets of the live table, each once"

/* What to call a device that a selector names, for messages. */
const char *selector_text(const struct bp_selector *which);

/*
 * Read a whole file, "-" being standard input. @ret: free() it. Return: 0 or an exit status. A
 * NUL byte is refused, for what stands behind it would not be heeded; read_log() takes it for a
 * blank, as logs have runs of them after crashes, and up to 256 MiB.
 */
int read_text(struct cli *cli, const char *path, char **ret);
int read_log(struct cli *cli, const char *path, char **ret);

/* A name that neither we nor the kernel know is a slip, not an empty answer. 0 or EXIT_USAGE. */
int target_exists(struct cli *cli, const char *name);

/* "[NAME: ]START LENGTH TARGET ...", as it was printed. Not terminated but by the text's end. */
struct pasted {
	const char *name; /* NULL: none */
	size_t name_len;
	const char *line; /* behind the name */
};
/* Does @text begin with such a line? @ret may be NULL. */
bool pasted_line(const char *text, struct pasted *ret);
/* Is the only operand pasted lines, or "-" for standard input, where names are expected? */
bool is_pasted(const struct cli_list *operands);
/* Those, or @text, or what is in @file. @ret: free() it. Return: 0 or an exit status. */
int pasted_text(struct cli *cli, const struct cli_list *operands, const char *text,
		const char *file, char **ret);

/* A file or a text as a table: one of both is given. Return: 0 or an exit status. */
int table_given(struct cli *cli, const char *text, const char *file, uint32_t flags,
		struct bp_table **ret);

/* JSON text made by @write, for OUT_JSON fields. @ret: free() it. Return: 0 or -errno. */
int json_of(int (*write)(const void *user, struct bp_json *json), const void *user, char **ret);

static inline void table_freep(struct bp_table **table)
{
	bp_table_free(*table);
}

static inline void devices_donep(struct devices *devices)
{
	devices_done(devices);
}

#endif
