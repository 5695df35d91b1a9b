/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A front: dmsetup's words, outputs, sentences and exit statuses on the calls of our library. What
 * a word means is in each file; here is what they share. Nothing of it bends our own verbs.
 */
#ifndef COMMANDS_DMSETUP_DMSETUP_H
#define COMMANDS_DMSETUP_DMSETUP_H

#include "cli/cli.h"

#include <bedplate/device.h>
#include <bedplate/udev.h>

#include "core/strbuf.h"

/* The options, as given: how often, or their last value. */
struct args {
	unsigned add_on_create, add_on_resume, checks, columns, concise, deferred, force, help;
	unsigned inactive, nameprefixes, noflush, noheadings, nolockfs, noopencount, notable;
	unsigned noudevrules, noudevsync, read_only, retry, rows, setuuid, showkeys, tree;
	unsigned unbuffered, unquoted, verbose, verifyudev, version, yes;
	unsigned alldevices, allprograms, allregions, area, clear, group, nogroup, nosuffix;
	unsigned precise, region, segments;
	const char *count, *exec, *gid, *interval, *long_verbose, *major, *manglename, *minor;
	const char *mode, *options, *readahead, *select, *separator, *sort, *table, *target;
	const char *udevcookie, *uid, *uuid;
	const char *alias, *areas, *areasize, *bounds, *groupid, *length, *programid, *regionid;
	const char *start, *units, *userdata;
};

/* What names go through on their way to the kernel and back. */
enum mangling { MANGLE_AUTO, MANGLE_HEX, MANGLE_NONE };

/* How -o wants devices to be called where a device number is the rule. */
enum dev_names { DEV_NUMBER, DEV_BLOCK_NAME, DEV_NAME };

struct verb;
struct report;
struct dev_tree;

static inline void deps_freep(struct bp_device_deps **deps)
{
	bp_device_deps_free(*deps);
}

/* A run of the program. */
struct front {
	struct cli *cli;
	struct bp_ctx *ctx;
	FILE *out, *err;
	struct args args;
	const struct verb *verb;
	const char *stats; /* which of the verbs of "stats"; NULL: another verb */
	bool many;         /* several devices: lines begin with whose they are */
	bool as_info;      /* -S: @verb is done to each device that "info" selects */

	uint32_t major, minor; /* of -j, -m */
	uint32_t cookie;
	enum mangling mangling;
	enum dev_names dev_names;
	int count, interval_s;
	uint32_t read_ahead;
	bool read_ahead_minimum;

	struct report *report;
	struct dev_tree *tree;
	bool concise_begun;
};

/*
 * A verb: @repeat 1 where it is done to each operand, 2 where -S may choose the devices too.
 * @max -1: any number of operands. @run: 0, or -1 where it failed, having said why.
 */
struct verb {
	const char *name, *usage;
	int min, max, repeat;
	int (*run)(struct front *f, int argc, char **argv);
};
extern const struct verb dmsetup_verbs[];
const struct verb *verb_find(const char *name);

/* The rows of the options, and reading them: 0 or -1. @ret_first: where the operands begin. */
extern const struct cmd_opt dmsetup_opts[];
int options_read(struct front *f, int argc, char **argv, int *ret_first);
/* The number of a value, as the C library's atoi has it, but for what does not fit; NULL: 0. */
int option_number(const char *text);

/* --- saying --- */

/* A line to the errors. Returns -1. */
int say(const struct front *f, const char *fmt, ...) _printf_(2, 3);
/* Text with names in it to the results: harmless on a terminal, as it is elsewhere. */
void put(const struct front *f, const char *text);
/* The same, all of it or, told at the end, nothing. */
void put_all(const struct front *f, const struct strbuf *text);

/* --- devices --- */

/* One device, as it was named. */
struct device {
	struct bp_selector which;
	const char *shown;       /* the word; NULL: by uuid or number */
	char name[BP_NAME_SIZE]; /* as the kernel holds it */
	char label[BP_NAME_SIZE + BP_UUID_SIZE +
		   32]; /* in an error: "NAME UUID(MAJOR:MINOR) " */
};

/*
 * By a word (NULL: by -u, or -j and -m). 0 or -1. *@ret must stay where it is: texts are lent from
 * it, and from the word.
 */
int device_by_word(struct front *f, const char *word, struct device *ret);
/* Of a list. */
void device_listed(const struct front *f, const struct bp_device_entry *entry,
		   struct device *ret);
/* A name as the kernel is to hold it: 0 or -1. @what: "name" or "UUID". */
int name_encode_said(struct front *f, const char *what, const char *name, char *ret,
		     size_t size);
/* A device's name and uuid as they are shown. */
const char *shown_name(const struct front *f, const struct bp_device_info *info);
const char *shown_uuid(const struct front *f, const struct bp_device_info *info,
		       char buf[BP_UUID_SIZE]);
/* Where there is none yet: false, having said what libdevmapper says then. */
bool read_ahead_of(struct front *f, const struct bp_device_info *info, uint32_t *ret);

/* Say that the kernel refused. @ioctl: as libdevmapper calls it. Returns -1. */
int refused(const struct front *f, const char *ioctl, const char *label, int r);
/* The same of a question: that there is no such device is said in another sentence. */
int not_told(const struct front *f, const char *ioctl, const struct device *device, int r);

/*
 * Do it to the device of @word; or where no word and no option names one to all, with @f->many
 * set. 0 or -1.
 */
int each_device(struct front *f, int argc, char **argv,
		int (*one)(struct front *f, const struct device *device));
/* Is a device named by an operand, -u or -j? */
bool names_device(const struct front *f, int argc);

/* How -o wants this device to be called: "" for its number. */
void dev_name(struct front *f, uint32_t major, uint32_t minor, char *ret);

/* The long form of "info". 0 or -1. */
int info_show(struct front *f, const struct bp_device_info *info);
int info_of(struct front *f, const struct device *device);
int info_ask(struct front *f, const struct device *device, struct bp_device_info *ret);

/* --- tables --- */

/* Lines of a table on their way in. */
struct lines {
	struct bp_status_line *items;
	size_t count, size;
};
/* From @text (changed), else from the file, else (NULL) from standard input. 0 or -1. */
int lines_read(struct front *f, char *text, const char *file, struct lines *ret);
void lines_done(struct lines *lines);
/* Whose a node is that we make, as the options say, or as libdevmapper has it. */
void node_mode(const struct front *f, uint32_t *uid, uint32_t *gid, uint32_t *mode);

/* --- columns --- */

/* Begin a report as the options say it: 0, 1 (nothing more to do: help was asked for) or -1. */
int report_begin(struct front *f, bool of_names);
int report_add_device(struct front *f, const struct bp_device_info *info);
int report_add_name(struct front *f, const char *name, const char *subsystem);
/* Print what was added, and forget it. */
void report_end(struct front *f);
void report_free(struct report *report);
/* -S on another verb: is it one that it is to be done to? 1, 0 or -1. */
int report_selects(struct front *f, const struct bp_device_info *info);

/* --- how devices lie on one another --- */

/*
 * A device of the tree. @below: numbers of the nodes it uses; @above: of those that use it; both in
 * the order in which they were found.
 */
struct dev_node {
	char name[BP_NAME_SIZE]; /* "" where it is no mapped device */
	uint32_t major, minor;
	bool mapped;
	struct numbers {
		size_t *items;
		size_t count, size;
	} below, above;
};

/* All mapped devices; made once. Node 0 is above those that nobody uses, and below the lowest. */
int tree_read(struct front *f);
const struct dev_node *tree_node(const struct front *f, size_t number);
const struct dev_node *tree_find(const struct front *f, uint32_t major, uint32_t minor);
void tree_free(struct dev_tree *tree);
/* Print it. @options: of -o, or NULL. */
int tree_options_check(struct front *f, const char *options);
int tree_show(struct front *f);

/* --- the verbs, by file --- */

int verb_clear(struct front *f, int argc, char **argv);
int verb_create(struct front *f, int argc, char **argv);
int verb_deps(struct front *f, int argc, char **argv);
int verb_help(struct front *f, int argc, char **argv);
int verb_info(struct front *f, int argc, char **argv);
int verb_load(struct front *f, int argc, char **argv);
int verb_ls(struct front *f, int argc, char **argv);
int verb_mangle(struct front *f, int argc, char **argv);
int verb_measure(struct front *f, int argc, char **argv);
int verb_message(struct front *f, int argc, char **argv);
int verb_mknodes(struct front *f, int argc, char **argv);
int verb_remove(struct front *f, int argc, char **argv);
int verb_remove_all(struct front *f, int argc, char **argv);
int verb_rename(struct front *f, int argc, char **argv);
int verb_resume(struct front *f, int argc, char **argv);
int verb_setgeometry(struct front *f, int argc, char **argv);
int verb_splitname(struct front *f, int argc, char **argv);
int verb_stats(struct front *f, int argc, char **argv);
int verb_status(struct front *f, int argc, char **argv);
int verb_suspend(struct front *f, int argc, char **argv);
int verb_table(struct front *f, int argc, char **argv);
int verb_target_version(struct front *f, int argc, char **argv);
int verb_targets(struct front *f, int argc, char **argv);
int verb_udevcomplete(struct front *f, int argc, char **argv);
int verb_udevcomplete_all(struct front *f, int argc, char **argv);
int verb_udevcookies(struct front *f, int argc, char **argv);
int verb_udevcreatecookie(struct front *f, int argc, char **argv);
int verb_udevflags(struct front *f, int argc, char **argv);
int verb_udevreleasecookie(struct front *f, int argc, char **argv);
int verb_version(struct front *f, int argc, char **argv);
int verb_wait(struct front *f, int argc, char **argv);
int verb_wipe_table(struct front *f, int argc, char **argv);

/* Name and number of the interface that this stands in for. */
#define DMSETUP_LEVEL "1.02.185 (2022-05-18)"

void usage(struct front *f);
/* "0x0d4d1234" or a decimal number; 0, having said so, where it is none. */
uint32_t cookie_parse(struct front *f, const char *text);

#endif
