/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables: what a mapped device is made of. A table is a list of segments; a segment is a start
 * and a length in 512-byte sectors, a target, and that target's parameters, typed
 * (<bedplate/targets.h>). Text in, typed out, text out: exact inverses.
 *
 * The text form is what people write and what "dmsetup table" prints: one segment a line,
 *
 *	START LENGTH TARGET [ARGUMENT...]
 *
 * words parted by blanks or tabs. In front of it "NAME:" may stand, as where several devices'
 * tables are printed; it is passed over. Blank lines, and lines whose first word begins with '#',
 * are skipped; '#' has no meaning elsewhere. A backslash stands for itself, except in front of a
 * blank, which it makes part of the word ("my\ disk"); a word that itself ends in backslashes
 * has them doubled where another word follows. So a path such as /dev/mapper/a\x20b is written
 * as it is. The form for the ioctl (bp_segment_format_args()) is another: the kernel
 * takes every backslash as an escape, and the byte 0xA0 as white space, so both are escaped
 * there and each word reaches the target literally.
 */
#ifndef BEDPLATE_TABLE_H
#define BEDPLATE_TABLE_H

#include <bedplate/bdev.h>
#include <bedplate/context.h>
#include <bedplate/json.h>
#include <bedplate/target_values.h>
#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_table;

/* The longest target name the kernel can hold, and the largest start + length of a segment. */
#define BP_TARGET_NAME_MAX  15
#define BP_TABLE_SECTOR_MAX UINT64_C(18014398509481983)

/**
 * struct bp_segment - One line of a table. Belongs to its table and is lent by it; its members
 * are changed through the functions below only.
 * @start_sectors, @length_sectors: where in the mapped device.
 * @target: the target's name, as in the kernel.
 * @params: the typed parameters: of the struct that <bedplate/targets.h> gives for @target.
 *	NULL where the target is not known, or where @problem says why its arguments were not
 *	understood; then @args is all there is.
 * @params_size: of that struct as this library has it; 0 where @params is NULL.
 * @args: the arguments as text. "" where there are none. Follows every change.
 * @extra: words behind the last known argument, as text; NULL where there are none. They are
 *	kept and written back.
 * @problem: why the arguments were kept raw; NULL where they were not, or the target is
 *	unknown.
 */
struct bp_segment {
	bp_sector start_sectors, length_sectors;
	const char *target;
	const void *params;
	const char *args;
	const char *extra;
	const char *problem;
	size_t params_size;
};

/**
 * bp_table_new() - Make an empty table.
 * @ret: free it with bp_table_free().
 *
 * Return: 0 or -ENOMEM.
 */
BP_API int bp_table_new(struct bp_ctx *ctx, struct bp_table **ret);
BP_API void bp_table_free(struct bp_table *table);

/**
 * enum bp_table_parse_flags - How bp_table_parse() reads.
 * @BP_TABLE_PRINTED: the text is what a kernel printed. Where such a segment is not understood
 *	(a failed target's "Fail", words of a newer kernel), it is kept raw, with @problem set, and
 *	the call succeeds.
 * @BP_TABLE_KEEP: a segment that is not understood is kept raw, with @problem set: what a newer
 *	kernel may take. Otherwise the text means what it means without it.
 */
enum bp_table_parse_flags {
	BP_TABLE_PRINTED = 1 << 0,
	BP_TABLE_KEEP = 1 << 1,
};

/**
 * bp_table_parse() - Read a table.
 * @text: any number of lines, see the head of this file. Empty text is an empty table.
 * @flags: enum bp_table_parse_flags, or 0.
 * @ret: free it with bp_table_free().
 *
 * Words, counts and numbers must have the right form; ranges and whatever takes a look at
 * devices or kernel are bp_table_check()'s. Numbers that don't fit their field, which kernels
 * silently cut down, are refused. Unknown targets are kept raw.
 *
 * Return: 0; -EINVAL with code BP_E_TABLE, segment, argument, name and value in the error;
 * -ENOMEM.
 */
BP_API int bp_table_parse(struct bp_ctx *ctx, const char *text, uint32_t flags,
			  struct bp_table **ret);

/*
 * Typed parameters as arguments of a call: the struct, and its size as the caller's header has it,
 * so that structs can grow at their end. A pointer to another struct does not compile. The macros
 * of <bedplate/targets.h> name the target (and message) too: BP_PARAMS_LINEAR(&half).
 */
#define BP_PARAMS(type, ...)                                                                   \
	(__VA_ARGS__),                                                                         \
		sizeof(1 ? *(__VA_ARGS__) : *(const type *)(0)) /* the check: not evaluated */

/**
 * bp_table_add() - Add a segment from typed parameters.
 * @target, @params, @params_size: by a macro of <bedplate/targets.h>:
 *	BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = "8:16" }). Copied, with all that the struct
 *	points to. Or a target's name, NULL, 0: all members are unset, to be filled by
 *	bp_segment_set().
 *
 * Return: 0; -EINVAL (a member that must be given is not; the error names it), -ENOENT (unknown
 * target: see bp_table_add_raw()), -E2BIG (a member that this version does not know is set),
 * -ENOMEM.
 */
BP_API int bp_table_add(struct bp_ctx *ctx, struct bp_table *table, bp_sector start_sectors,
			bp_sector length_sectors, const char *target, const void *params,
			size_t params_size);

/**
 * bp_table_append() - The same, right behind the last segment (at 0 in an empty table).
 *
 * Return: as bp_table_add().
 */
BP_API int bp_table_append(struct bp_ctx *ctx, struct bp_table *table, bp_sector length_sectors,
			   const char *target, const void *params, size_t params_size);

/**
 * bp_table_add_raw() - Add a segment of any target, known or not, from its arguments as text.
 *
 * A known target's text is parsed, as by bp_table_parse(), and refused where that fails.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
BP_API int bp_table_add_raw(struct bp_ctx *ctx, struct bp_table *table, bp_sector start_sectors,
			    bp_sector length_sectors, const char *target, const char *args);

/**
 * bp_table_copy() - Copy a table, parameter by parameter.
 * @ret: free it with bp_table_free().
 *
 * Return: 0 or -ENOMEM.
 */
BP_API int bp_table_copy(struct bp_ctx *ctx, const struct bp_table *table,
			 struct bp_table **ret);

/**
 * bp_table_hide_keys() - Put zeros in place of all keys of encryption, as "dmsetup table" does.
 *
 * What is a key is told by each target's parameters. References into the kernel's keyring
 * (":64:logon:name") stay. Where arguments are not understood, or the target is not known, long
 * runs of hex digits are taken for keys. Such a table is for printing: loaded, it gives other
 * data.
 *
 * Return: 0 or -ENOMEM.
 */
BP_API int bp_table_hide_keys(struct bp_ctx *ctx, struct bp_table *table);

/* bp_table_count() - How many segments. */
BP_API size_t bp_table_count(const struct bp_table *table);

/* bp_table_get() - Segment @index, from 0. NULL behind the last. Lent. */
BP_API struct bp_segment *bp_table_get(const struct bp_table *table, size_t index);

/* bp_table_length() - Sectors from 0 to the end of the last segment: the device's size. */
BP_API bp_sector bp_table_length(const struct bp_table *table);

/**
 * bp_table_format() - Write a table as text, a line a segment, each ended by a newline.
 * @ret: freed by the caller with free().
 *
 * Return: 0; -EINVAL (a segment lacks a member that must be given: the error names it),
 * -ENOMEM.
 */
BP_API int bp_table_format(struct bp_ctx *ctx, const struct bp_table *table, char **ret);

/**
 * bp_segment_format_args() - Write a segment's arguments for the table-load ioctl.
 * @ret: freed by the caller with free(). "" where there are none.
 *
 * Words are parted by one blank and escaped as the kernel needs it. Return: as
 * bp_table_format().
 */
BP_API int bp_segment_format_args(struct bp_ctx *ctx, const struct bp_segment *segment,
				  char **ret);

/**
 * bp_segment_set() - Change one parameter by name.
 * @name: as bp_option_next() lists it: "offset_sectors", "read.delay_ms"; or of an element
 *	of a list, "legs.1.dev" (an index may be the list's length: that adds an element).
 * @value: as in a table line. Flags take "true" and "false" (or "on", "off"). A name that
 *	stands for several words ("legs", "corrupt_bio_byte") takes all of them, parted by
 *	blanks; a list is replaced. "" unsets the parameter.
 *
 * The segment is changed only on success. Options keep the order in which they were set or
 * parsed.
 *
 * Return: 0; -ENOENT (no such name: the error lists those there are), -EINVAL, -ENOMEM.
 */
BP_API int bp_segment_set(struct bp_ctx *ctx, struct bp_segment *segment, const char *name,
			  const char *value);

/**
 * bp_segment_add() - Add one element, all words of @value ("8:16 0"), at the end of the list
 * @name ("legs"). Of a parameter that is no list, the same as bp_segment_set().
 *
 * Return: as bp_segment_set().
 */
BP_API int bp_segment_add(struct bp_ctx *ctx, struct bp_segment *segment, const char *name,
			  const char *value);

/**
 * bp_segment_get() - Read one parameter by name, as bp_segment_set() takes it.
 * @ret: freed by the caller with free(); NULL where the parameter is not set.
 *
 * Return: 0, -ENOENT, -ENOMEM.
 */
BP_API int bp_segment_get(struct bp_ctx *ctx, const struct bp_segment *segment,
			  const char *name, char **ret);

/**
 * typedef bp_lookup_fn - Finds the block device that a word of a table names.
 * @dev: "8:16" or a path.
 * @ret: filled on success.
 *
 * Return: 0; -ENOENT, -ENXIO, -ENODEV (not there), -ENOTBLK; any other: unknown.
 */
typedef int (*bp_lookup_fn)(void *user, const char *dev, struct bp_bdev *ret);

/**
 * bp_table_equal() - Do two tables mean the same?
 * @lookup: tells whether two words name one device ("8:16", "/dev/sdb"); NULL: words are
 * compared.
 * @user: passed to @lookup.
 * @ret: the answer.
 *
 * Compared is what the parameters mean: order and case of feature words, defaults that a
 * kernel adds or leaves out, and numbers with leading zeros make no difference. Values that a
 * kernel chooses where none was given agree with everything. Segments of unknown targets are
 * compared word by word.
 *
 * Return: 0, -EINVAL (a table that can't be formatted), -ENOMEM.
 */
BP_API int bp_table_equal(struct bp_ctx *ctx, const struct bp_table *a,
			  const struct bp_table *b, bp_lookup_fn lookup, void *user, bool *ret);

/**
 * bp_table_is_loaded() - Is a live table what came of loading another?
 * @live: as a kernel tells it.
 * @table: what may have been loaded.
 * @lookup, @user, @ret: as of bp_table_equal().
 *
 * As bp_table_equal(), and what a kernel changes by itself while a table is live makes no
 * difference: raid4, 5 and 6 make their stripe_cache larger than it was asked for while stripes are short
 * (drivers/md/raid5.c), so a live one may be larger than @table has it. That it was asked to be smaller
 * since can't be told.
 *
 * Return: as bp_table_equal().
 */
BP_API int bp_table_is_loaded(struct bp_ctx *ctx, const struct bp_table *live,
			      const struct bp_table *table, bp_lookup_fn lookup, void *user,
			      bool *ret);

/**
 * struct bp_word - One word of a table line, explained. All texts are lent for the call.
 * @segment: the segment's index.
 * @target: its target.
 * @number: the argument's number, from 1.
 * @text: the word.
 * @name: the parameter's name ("legs.0.dev"); "#features" for a count; NULL where not known.
 * @meaning: what it does, in a few words; NULL where not known.
 * @unit: "sectors", "ms", "bytes" ...; NULL where it has none.
 * @public_text: the word with "-" in place of what is secret in it (keys of encryption).
 */
struct bp_word {
	size_t segment;
	const char *target;
	unsigned number;
	const char *text, *name, *meaning, *unit;
	const char *public_text;
};

/**
 * bp_table_explain() - Say what every argument of a table means, in order. Of a segment that is
 * not understood (BP_TABLE_KEEP) the words up to the fault are named, and the @meaning of the one
 * that is wrong is what is wrong with it.
 * @word: called for each; non-zero ends the walk and is returned.
 * @user: passed to @word.
 *
 * Return: 0, what @word returned, -EINVAL, -ENOMEM.
 */
BP_API int bp_table_explain(struct bp_ctx *ctx, const struct bp_table *table,
			    int (*word)(void *user, const struct bp_word *word), void *user);

/**
 * bp_table_json() - Write a table as a JSON array of segments: start_sectors, length_sectors,
 * target, params (an object by parameter name; numbers as numbers; keys left out where unset)
 * or null, args (as text), extra.
 * @key: the member's name in the enclosing object; NULL in an array or at the top.
 *
 * Secrets (keys of encryption) are written as null here unless @show_secrets. Return: 0 or
 * -ENOMEM.
 */
BP_API int bp_table_json(struct bp_ctx *ctx, const struct bp_table *table, bool show_secrets,
			 struct bp_json *json, const char *key);

/* --- what targets there are, and their options --- */

struct bp_target;

/**
 * bp_target_get() - A target by its kernel name; NULL: not known to this library.
 * bp_target_next() - Targets in alphabetical order. Begin with *@it = 0.
 *
 * Return (next): 0 got one, 1 end.
 */
BP_API const struct bp_target *bp_target_get(const char *name);
BP_API int bp_target_next(size_t *it, const struct bp_target **ret);

BP_API const char *bp_target_name(const struct bp_target *target);
/* One line of purpose: lower case, no full stop. */
BP_API const char *bp_target_summary(const struct bp_target *target);
/* The kernel's module ("dm-thin-pool") and the mainline release it came with ("3.2"). */
BP_API const char *bp_target_module(const struct bp_target *target);
BP_API const char *bp_target_since(const struct bp_target *target);
/* What is lost or changed where a live table is printed and that text is loaded again: a
 * sentence without full stop. NULL: nothing. */
BP_API const char *bp_target_reprint(const struct bp_target *target);

/**
 * enum bp_target_flags - Rules of the kernel on tables with this target.
 * @BP_TARGET_SINGLETON: must be the only segment (BP_TARGET_SINGLETON_6_12: since Linux 6.12).
 * @BP_TARGET_IMMUTABLE: a live device keeps this target; can't be mixed with others.
 * @BP_TARGET_NEVER_READ_ONLY, @BP_TARGET_ONLY_READ_ONLY: of the table.
 * @BP_TARGET_WILDCARD: may stand in for and beside any other.
 * @BP_TARGET_FORMATS: loading it formats a blank device.
 */
enum bp_target_flags {
	BP_TARGET_SINGLETON = 1 << 0,
	BP_TARGET_SINGLETON_6_12 = 1 << 1,
	BP_TARGET_IMMUTABLE = 1 << 2,
	BP_TARGET_NEVER_READ_ONLY = 1 << 3,
	BP_TARGET_ONLY_READ_ONLY = 1 << 4,
	BP_TARGET_WILDCARD = 1 << 5,
	BP_TARGET_FORMATS = 1 << 6,
};
BP_API uint32_t bp_target_flags(const struct bp_target *target);

/* What a value looks like. */
enum bp_option_kind {
	BP_OPTION_DEVICE,  /* a path or MAJOR:MINOR */
	BP_OPTION_NUMBER,  /* decimal; min, max, unit */
	BP_OPTION_SIGNED,  /* decimal with a sign */
	BP_OPTION_FLAG,    /* true or false */
	BP_OPTION_CHOICE,  /* one of @choices */
	BP_OPTION_TEXT,    /* one word */
	BP_OPTION_WORDS,   /* any number of words */
	BP_OPTION_RECORD,  /* several words, see @form */
	BP_OPTION_RECORDS, /* a list of such: bp_segment_add() adds one */
};

/**
 * struct bp_option - One parameter of a target, for helps and command lines. Texts are lent:
 * @name and @form until the next call with the same iterator, the rest for ever.
 * @name: for bp_segment_set(): "offset_sectors", "read.delay_ms", "legs".
 * @kind: see there.
 * @required: a table line can't be without it.
 * @unit: "sectors", "ms" ...; NULL: none.
 * @min, @max: of a number.
 * @choices: NULL-terminated, where there are such.
 * @form: of a record: its words' names, "DEV OFFSET_SECTORS".
 * @default_value: what the kernel takes where it is not given; NULL: nothing, or not known.
 * @help: one line.
 * @usual_value: what a builder puts where a required one is not given; NULL: nothing, it must be
 *	given. "%size:NAME": the size of the device that is option NAME, in this one's unit.
 */
struct bp_option {
	const char *name;
	enum bp_option_kind kind;
	bool required;
	const char *unit;
	uint64_t min, max;
	const char *const *choices;
	const char *form;
	const char *default_value;
	const char *help;
	const char *usual_value;
};

struct bp_option_iter;

/**
 * bp_option_iter_new() - Go through a target's options, or its status fields. Free it with
 *	bp_option_iter_free().
 * bp_option_next() - The next one. Return: 0 got one, 1 end, -ENOMEM.
 */
BP_API int bp_option_iter_new(const struct bp_target *target, struct bp_option_iter **ret);
BP_API int bp_status_field_iter_new(const struct bp_target *target,
				    struct bp_option_iter **ret);
BP_API int bp_option_next(struct bp_option_iter *iter, struct bp_option *ret);
BP_API void bp_option_iter_free(struct bp_option_iter *iter);

/* --- status --- */

/**
 * struct bp_status - One segment's status, typed. Free it with bp_status_free().
 * @target: the target's name.
 * @text: the line as the kernel gave it, without white space at its ends.
 * @state: where the whole line is one state ("Fail", "Error", "Invalid", "Overflow",
 *	"Merge failed" ...), that; else NULL.
 * @values: the typed status, of the struct that <bedplate/targets.h> gives for @target; NULL
 *	where the target is unknown or has no status, or @state or @problem is set.
 * @extra: words behind the last known one (a newer kernel's), or NULL.
 * @problem: why the line was not understood; NULL where it was.
 */
struct bp_status {
	const char *target, *text, *state;
	const void *values;
	const char *extra, *problem;
};

/**
 * bp_status_parse() - Read a status line's part behind "START LENGTH TARGET".
 * @text: as the kernel gave it; white space at the ends does not matter.
 *
 * @ret: free it with bp_status_free().
 *
 * A line that is not understood is no failure: see @problem.
 *
 * Return: 0 or -ENOMEM.
 */
BP_API int bp_status_parse(struct bp_ctx *ctx, const char *target, const char *text,
			   struct bp_status **ret);
BP_API void bp_status_free(struct bp_status *status);

/**
 * bp_status_get() - Read one field by name, as text.
 * @name: as bp_status_field_iter_new() lists them.
 * @ret: freed by the caller with free(); NULL where the line has no such field (a state, an
 *	older kernel) or shows '-' for it.
 *
 * Return: 0, -ENOENT (no such name), -ENOMEM.
 */
BP_API int bp_status_get(struct bp_ctx *ctx, const struct bp_status *status, const char *name,
			 char **ret);

/**
 * bp_status_number() - Read one number by name.
 * @name: as bp_status_field_iter_new() lists them, of kind BP_OPTION_NUMBER.
 * @ret: unset where the line has no such field or shows '-' for it.
 *
 * Return: 0, -ENOENT (no such name), -EINVAL (it is no number), -ENOMEM.
 */
BP_API int bp_status_number(struct bp_ctx *ctx, const struct bp_status *status,
			    const char *name, struct bp_number *ret);

/**
 * bp_status_summary() - What matters of a status, in a few words for people.
 * @ret: "rw, data 12.50%, metadata 3.01%"; the kernel's own text where nothing better is known.
 *	Freed by the caller with free(). The words may change with any version.
 *
 * Return: 0, -ENOMEM.
 */
BP_API int bp_status_summary(struct bp_ctx *ctx, const struct bp_status *status, char **ret);

/**
 * bp_status_json() - An object: target, text, state, values by name (or null), extra.
 *
 * Return: 0, or the writer's failure, which it also keeps.
 */
BP_API int bp_status_json(struct bp_ctx *ctx, const struct bp_status *status,
			  struct bp_json *json, const char *key);

/* --- messages --- */

/**
 * bp_message_format() - Write a message for a target.
 * @target, @message, @params, @params_size: by a macro of <bedplate/targets.h>:
 *	BP_MESSAGE_THIN_POOL_CREATE_SNAP(&snap). Or the names, NULL, 0 where it takes no parameters.
 * @ret: what the message ioctl takes (escaped for the kernel); freed by the caller with free().
 *
 * Return: 0; -ENOENT (no such target or message), -EINVAL, -ERANGE (a value out of its range;
 * the error names it), -E2BIG (a member that this version does not know is set), -ENOMEM.
 */
BP_API int bp_message_format(struct bp_ctx *ctx, const char *target, const char *message,
			     const void *params, size_t params_size, char **ret);

/**
 * bp_message_check() - Would a target understand this message?
 * @text: as people write it, words parted by blanks.
 * @ret: what the message ioctl takes; freed by the caller with free(). NULL allowed.
 *
 * Messages to unknown targets are only escaped.
 *
 * Return: as bp_message_format().
 */
BP_API int bp_message_check(struct bp_ctx *ctx, const char *target, const char *text,
			    char **ret);

/* One message that a target takes: "create_snap", "ID ORIGIN_ID", "take a snapshot of ...". */
struct bp_message_info {
	const char *name, *form, *summary;
};
/* Begin with *@it = 0. Return: 0 got one, 1 end. */
BP_API int bp_message_next(const struct bp_target *target, size_t *it,
			   struct bp_message_info *ret);

/* --- pre-flight --- */

/**
 * enum bp_severity - What follows from a finding.
 * @BP_SEVERITY_UNKNOWN: nothing: the rule could not be checked (no device to look at, no kernel
 *	to ask). Said, because silence would read as "checked".
 * @BP_SEVERITY_WARNING: the kernel takes it, but not as written, or it is surely not meant.
 * @BP_SEVERITY_REFUSED: the kernel will refuse the table.
 * @BP_SEVERITY_CRASH: a kernel is known to crash on it.
 */
enum bp_severity {
	BP_SEVERITY_UNKNOWN = 0,
	BP_SEVERITY_WARNING = 1,
	BP_SEVERITY_REFUSED = 2,
	BP_SEVERITY_CRASH = 3,
};

/**
 * struct bp_finding - One thing that pre-flight found. Lent by its list.
 * @severity: see there.
 * @segment: the segment's index; -1: the table as a whole.
 * @target: its target, or NULL.
 * @argument, @argument_name, @value: which argument (from 1; 0: none), and its word; or NULL.
 * @rule: the rule that is broken, as a sentence without full stop.
 * @expected: what would be right, or NULL.
 * @message: all of it in one line.
 */
struct bp_finding {
	enum bp_severity severity;
	int segment;
	const char *target;
	unsigned argument;
	const char *argument_name, *value, *rule, *expected, *message;
};

struct bp_findings;

/* For a yes-or-no question to the running kernel. */
enum bp_answer {
	BP_ANSWER_UNKNOWN = 0,
	BP_ANSWER_NO = 1,
	BP_ANSWER_YES = 2,
};

/**
 * struct bp_table_check_opts - What pre-flight may look at. Zero in a member: it is not there.
 * @size: sizeof(struct bp_table_check_opts). Members are only added at the end.
 * @lookup: finds block devices. Without it device rules come out as unknown.
 * @busy: is the device held exclusively by someone else (mounted, swap, another target)?
 * @has_target: does the kernel have @target (or can it load it)? On yes it sets @version.
 * @has_feature: does the kernel's @target take the feature word @feature?
 * @user: passed to all of them.
 * @kernel_release: major and minor of the kernel the table is for, as 0xMMmm (6.12: 0x060c); 0:
 *	rules that changed between releases come out as unknown where it matters.
 * @page_bytes: of that kernel; 0: 4096.
 * @read_only: the table will be loaded read-only.
 * @device: "MAJOR:MINOR" of the mapped device that the table is for, where it exists: a table
 *	that names it would be a cycle.
 * @live: the table that is live there, or NULL: rules about replacing one by another.
 * @lies_on: does @bdev lie on the mapped device @device (as above), by way of others? Without it
 *	only a table that names the device itself is found.
 * @runs: is @bdev a mapped device whose live table has a segment of @target? Without it, what must
 *	be a pool comes out as unknown.
 * @used_as: has a live table of @target got @bdev as its argument @argument? That of the mapped
 *	device @except ("MAJOR:MINOR", or NULL) does not count.
 * @is_blank: does @bdev begin with 4 KiB of zeros?
 * @printed: the table is what a kernel printed: a warning says of each segment what would be
 *	lost or changed if it were loaded again (bp_target_reprint()).
 */
struct bp_table_check_opts {
	size_t size;
	bp_lookup_fn lookup;
	enum bp_answer (*busy)(void *user, const struct bp_bdev *bdev);
	enum bp_answer (*has_target)(void *user, const char *target, uint32_t version[3]);
	enum bp_answer (*has_feature)(void *user, const char *target, const char *feature);
	void *user;
	uint32_t kernel_release;
	uint32_t page_bytes;
	bool read_only;
	const char *device;
	const struct bp_table *live;
	enum bp_answer (*lies_on)(void *user, const struct bp_bdev *bdev, const char *device);
	bool printed;
	enum bp_answer (*runs)(void *user, const struct bp_bdev *bdev, const char *target);
	enum bp_answer (*used_as)(void *user, const struct bp_bdev *bdev, const char *target,
				  const char *argument, const char *except);
	enum bp_answer (*is_blank)(void *user, const struct bp_bdev *bdev);
};

/**
 * bp_table_check() - Find what the kernel would refuse, before it is asked.
 * @opts: NULL: only what can be known from the table alone.
 * @ret: what was found, maybe nothing; free it with bp_findings_free(). The kernel still has
 *	the last word.
 *
 * Return: 0 if the check was carried out, whatever it found; -E2BIG, -EINVAL (options),
 *	-ENOMEM.
 */
BP_API int bp_table_check(struct bp_ctx *ctx, const struct bp_table *table,
			  const struct bp_table_check_opts *opts, struct bp_findings **ret);

BP_API size_t bp_findings_count(const struct bp_findings *findings);
/* Finding @index, in the order of segments and arguments; NULL behind the last. */
BP_API const struct bp_finding *bp_findings_get(const struct bp_findings *findings,
						size_t index);
/* The gravest severity there; BP_SEVERITY_UNKNOWN where there is nothing. */
BP_API enum bp_severity bp_findings_severity(const struct bp_findings *findings);
/**
 * bp_findings_fail() - Make the gravest finding the context's error: code, segment, argument,
 * value,
 *	rule and what would be right.
 *
 * Return: -EINVAL; 0, with no error set, where nothing would be refused.
 */
BP_API int bp_findings_fail(struct bp_ctx *ctx, const struct bp_findings *findings);
BP_API int bp_findings_json(const struct bp_findings *findings, struct bp_json *json,
			    const char *key);
BP_API void bp_findings_free(struct bp_findings *findings);

#ifdef __cplusplus
}
#endif

#endif
