/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of a stack file. Promised: whatever the text, it is read or refused with line and
 * column, in time that grows with its length alone; what is read has unique names and no unknown
 * "@NAME".
 */
#include "dm/stackfile/stackfile.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "core/strbuf.h"
#include "dm/device/membership.h"
#include "targets/grammar/segment.h"

_Static_assert(BP_STACK_NAME_SIZE == SCOPE_NAME_SIZE, "names of stacks and scopes are alike");

#define MOST_BYTES   (1u << 20)
#define MOST_DEVICES 4096u
#define BLANKS       " \t\r"

struct word {
	const char *at;
	size_t len;
};

struct parser {
	struct bp_ctx *ctx;
	struct dm *dm;
	struct bp_stackfile *file;
	const char *line, *at; /* where the line begins; what of it is not read yet */
	unsigned number;
	int error;                  /* of an "@NAME" that is not known */
	struct file_device *device; /* whose table the next lines are */
};

/* --- words --- */

static bool at_end(const struct parser *p)
{
	return *p->at == '\0' || *p->at == '\n';
}

/* The next word of the line; length 0 at its end. A comment ends it. */
static struct word next_word(struct parser *p)
{
	struct word word;

	p->at += strspn(p->at, BLANKS);
	if (*p->at == '#')
		p->at += strcspn(p->at, "\n");
	word.at = p->at;
	word.len = at_end(p) ? 0 : strcspn(p->at, BLANKS "\n");
	p->at += word.len;
	return word;
}

static bool is(const struct word *word, const char *text)
{
	return strlen(text) == word->len && memcmp(word->at, text, word->len) == 0;
}

/* Say where, in front of the error that has been recorded. */
static int place(const struct parser *p, const struct word *word, int r)
{
	error_prefix(p->ctx, "line %u, column %zu", p->number,
		     (size_t)(word->at - p->line) + 1);
	return r;
}

static _printf_(3, 4) int refuse(const struct parser *p, const struct word *word,
				 const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = bp_failv(p->ctx, -EINVAL, fmt, args);
	va_end(args);
	error_set_code(p->ctx, BP_E_FORMAT);
	return place(p, word, r);
}

/* A word of the line that must be there. */
static int need(struct parser *p, const char *what, struct word *ret)
{
	*ret = next_word(p);
	return ret->len ? 0 : refuse(p, ret, "%s is missing", what);
}

static int copy(struct parser *p, const struct word *word, char **ret)
{
	*ret = strndup(word->at, word->len);
	return *ret ? 0 : bp_fail_memory(p->ctx);
}

static int shown(const struct word *word)
{
	return (int)MIN(word->len, (size_t)64);
}

/* Sizes in sectors: a bare number counts them. */
static int read_sectors(struct parser *p, const char *what, bp_sector *ret)
{
	char text[32];
	struct word word;
	bp_bytes bytes;
	int r = need(p, what, &word);

	if (r < 0)
		return r;
	if (word.len >= sizeof(text))
		return refuse(p, &word, "'%.*s' is not a size", shown(&word), word.at);
	memcpy(text, word.at, word.len);
	text[word.len] = '\0';
	if (number_parse(text, BP_SECTOR_MAX, ret) == 0)
		return 0;
	r = bp_size_parse(p->ctx, text, BP_SECTOR_BYTES, 0, &bytes);
	if (r < 0)
		return place(p, &word, r);
	if (bytes % BP_SECTOR_BYTES)
		return refuse(p, &word, "'%s' is no whole number of sectors of 512 bytes",
			      text);
	*ret = bp_bytes_to_sector(bytes);
	return 0;
}

/* Words that nobody takes are refused: they may be misspelt options. */
static int no_more(struct parser *p)
{
	struct word word = next_word(p);

	return word.len ? refuse(p, &word, "'%.*s' is too much", shown(&word), word.at) : 0;
}

/* --- names --- */

/* Loops and devices share names, as tables name both. */
static bool is_taken(const struct bp_stackfile *file, const char *name)
{
	for (size_t i = 0; i < file->loops.count; i++)
		if (streq(file->loops.items[i].name, name))
			return true;
	for (size_t i = 0; i < file->devices.count; i++)
		if (file->devices.items[i].name && streq(file->devices.items[i].name, name))
			return true;
	return false;
}

/* MOST_DEVICES bounds what a wrong file can cost. */
static int read_name(struct parser *p, char **ret)
{
	struct word word;
	int r = need(p, "a name", &word);

	if (r < 0)
		return r;
	if (p->file->loops.count + p->file->devices.count >= MOST_DEVICES)
		return refuse(p, &word, "more than %u devices", MOST_DEVICES);
	r = copy(p, &word, ret);
	if (r == 0 && is_taken(p->file, *ret)) {
		free(*ret);
		*ret = NULL;
		return refuse(p, &word, "'%.*s' is there already", shown(&word), word.at);
	}
	return r;
}

/* --- lines --- */

/* Its name is the prefix of all uuids. */
static int read_stack(struct parser *p)
{
	struct word word;
	int r = need(p, "the stack's name", &word);

	if (r < 0)
		return r;
	if (p->file->name[0])
		return refuse(p, &word, "there is one stack in a file");
	if (word.len < sizeof(p->file->name))
		memcpy(p->file->name, word.at, word.len);
	if (word.len >= sizeof(p->file->name) || !scope_name_ok(p->file->name)) {
		p->file->name[0] = '\0';
		return refuse(p, &word,
			      "'%.*s' is not a name for a stack: 1 to 32 letters, digits, '.', "
			      "'_', '-'",
			      shown(&word), word.at);
	}
	return no_more(p);
}

/* "loop NAME SIZE FILE". */
static int read_loop(struct parser *p)
{
	struct file_loop loop = { 0 };
	struct word word = { .at = "" };
	bp_sector sectors = 0;
	int r = read_name(p, &loop.name);

	p->device = NULL;
	if (r == 0 && vec_add(&p->file->loops, &loop) < 0) {
		free(loop.name);
		r = bp_fail_memory(p->ctx);
	}
	if (r == 0)
		r = read_sectors(p, "a size", &sectors);
	if (r == 0)
		r = need(p, "a file", &word);
	if (r < 0)
		return r;
	if (!sectors || sectors > BP_SECTOR_MAX / 2)
		return refuse(p, &word, "a loop device of %" PRIu64 " sectors can't be",
			      sectors);
	if (word.at[0] != '/' || word.len >= PATH_MAX)
		return refuse(p, &word, "'%.*s' is not an absolute path", shown(&word),
			      word.at);
	p->file->loops.items[p->file->loops.count - 1].size_bytes = bp_sector_to_bytes(sectors);
	r = copy(p, &word, &p->file->loops.items[p->file->loops.count - 1].path);
	return r < 0 ? r : no_more(p);
}

/* Only the minor number can be wished for; the major one is device-mapper's. */
static int read_minor(struct parser *p, struct file_device *device)
{
	struct word word;
	uint64_t minor;
	int r = need(p, "a number", &word);

	if (r < 0)
		return r;
	if (number_parse_len(word.at, word.len, DEVNO_MINOR_MAX, &minor) < 0)
		return refuse(p, &word, "'%.*s' is not a minor number", shown(&word), word.at);
	device->use_minor = true;
	device->minor = (uint32_t)minor;
	return 0;
}

/* Once a device. */
static int read_uuid(struct parser *p, struct file_device *device)
{
	char mangled[BP_UUID_SIZE];
	struct word word;
	int r = need(p, "a uuid", &word);

	if (r == 0 && device->uuid)
		return refuse(p, &word, "there is a uuid already");
	if (r == 0)
		r = copy(p, &word, &device->uuid);
	if (r < 0)
		return r;
	r = uuid_mangle(p->ctx, device->uuid, mangled);
	return r < 0 ? place(p, &word, r) : 0;
}

/* In any order, until the line ends. */
static int read_device_options(struct parser *p, struct file_device *device)
{
	int r = 0;

	while (r == 0) {
		struct word word = next_word(p);

		if (!word.len)
			return 0;
		if (is(&word, "readonly"))
			device->read_only = true;
		else if (is(&word, "uuid"))
			r = read_uuid(p, device);
		else if (is(&word, "minor"))
			r = read_minor(p, device);
		else
			r = refuse(p, &word, "'%.*s' is none of uuid, minor, readonly",
				   shown(&word), word.at);
	}
	return r;
}

/* Takes @name in any case. */
static int add_device(struct parser *p, char *name)
{
	struct file_device device = { 0 };

	if (vec_add(&p->file->devices, &device) < 0) {
		free(name);
		return bp_fail_memory(p->ctx);
	}
	p->device = &p->file->devices.items[p->file->devices.count - 1];
	p->device->name = name;
	return bp_table_new(p->ctx, &p->device->table);
}

/* Without a uuid of its own it gets "STACK:NAME", by which it is known again. */
static int read_device(struct parser *p)
{
	char mangled[BP_NAME_SIZE], mangled_uuid[BP_UUID_SIZE],
		uuid[sizeof(STACK_UUID) + BP_STACK_NAME_SIZE + BP_UUID_SIZE];
	struct word word = { .at = p->at + strspn(p->at, BLANKS) };
	char *name = NULL;
	int r = read_name(p, &name);

	if (r == 0)
		r = add_device(p, name);
	if (r == 0) {
		r = name_new(p->ctx, name, mangled);
		if (r < 0)
			return place(p, &word, r);
		r = read_device_options(p, p->device);
	}
	if (r < 0 || p->device->uuid)
		return r;
	snprintf(uuid, sizeof(uuid), STACK_UUID "%s:%s", p->file->name, name);
	if (strlen(uuid) >= BP_UUID_SIZE || uuid_mangle(p->ctx, uuid, mangled_uuid) < 0)
		return refuse(p, &word,
			      "'%s': too long a name for a uuid made of it: give it one", name);
	p->device->uuid = strdup(uuid);
	return p->device->uuid ? 0 : bp_fail_memory(p->ctx);
}

/* A comment does not belong to the arguments. */
static int read_args(struct parser *p, char **ret)
{
	struct strbuf s = { 0 };

	for (;;) {
		struct word word = next_word(p);

		if (!word.len)
			break;
		strbuf_add(&s, s.len ? " " : "");
		strbuf_add_len(&s, word.at, word.len);
	}
	strbuf_add(&s, "");
	return strbuf_take(&s, ret) < 0 ? bp_fail_memory(p->ctx) : 0;
}

/* "START LENGTH TARGET ARGS", sizes with units; belongs to the last device. */
static int read_segment(struct parser *p)
{
	_cleanup_(freep) char *target = NULL, *args = NULL;
	struct word start = { .at = p->at + strspn(p->at, BLANKS) }, word;
	bp_sector begin = 0, length = 0;
	int r = read_sectors(p, "where it begins", &begin);

	if (r == 0 && !p->device)
		return refuse(p, &start, "a table line belongs behind its device");
	if (r == 0)
		r = read_sectors(p, "a length", &length);
	if (r == 0)
		r = need(p, "a target", &word);
	if (r == 0)
		r = copy(p, &word, &target);
	if (r == 0)
		r = read_args(p, &args);
	if (r < 0)
		return r;
	r = bp_table_add_raw(p->ctx, p->device->table, begin, length, target, args ? args : "");
	return r < 0 ? place(p, &start, r) : 0;
}

/* The first word decides; a digit begins a table line. */
static int read_line(struct parser *p)
{
	const char *begin = p->at;
	struct word word = next_word(p);

	if (!word.len)
		return 0;
	if (!p->file->name[0] && !is(&word, "stack"))
		return refuse(p, &word, "'stack NAME' comes first");
	if (is(&word, "stack"))
		return read_stack(p);
	if (is(&word, "loop"))
		return read_loop(p);
	if (is(&word, "device"))
		return read_device(p);
	if (isdigit((unsigned char)word.at[0])) {
		p->at = begin;
		return read_segment(p);
	}
	return refuse(p, &word,
		      "'%.*s' is none of stack, loop, device, and begins no table line",
		      shown(&word), word.at);
}

/* --- "@NAME" --- */

/* Devices of the file by their nodes; loop devices have none yet. */
static int name_device(void *user, const char *dev, char ret[TABLE_DEV_SIZE])
{
	struct parser *p = user;
	char mangled[BP_NAME_SIZE];

	if (dev[0] != '@')
		return 0;
	for (size_t i = 0; i < p->file->devices.count; i++)
		if (streq(p->file->devices.items[i].name, dev + 1)) {
			if (bp_name_mangle(p->ctx, dev + 1, mangled) < 0)
				return 0;
			dm_node_path(p->dm, mangled, ret);
			return 1;
		}
	for (size_t i = 0; i < p->file->loops.count; i++)
		if (streq(p->file->loops.items[i].name, dev + 1))
			return 0;
	p->error = bp_fail(p->ctx, -EINVAL, "'%s' is no device of the file", dev);
	return 0;
}

/* When all devices are known: a table may name later ones. */
static int check_device(struct parser *p, struct file_device *device)
{
	int r = bp_table_count(device->table)
			? 0
			: bp_fail(p->ctx, -EINVAL, "it has no table line");

	if (r == 0)
		r = table_map_devs(p->ctx, device->table, name_device, p);
	if (r == 0)
		r = p->error;
	if (r < 0 && r != -ENOMEM) {
		error_set_code(p->ctx, BP_E_FORMAT);
		error_prefix(p->ctx, "device '%s'", device->name);
	}
	return r;
}

/* A device behind the @i-th of the file that has the same uuid, or NULL. */
static const struct file_device *find_twin(const struct bp_stackfile *file, size_t i)
{
	for (size_t k = i + 1; k < file->devices.count; k++)
		if (streq(file->devices.items[i].uuid, file->devices.items[k].uuid))
			return &file->devices.items[k];
	return NULL;
}

/* The kernel would refuse the second one only in the middle. */
static int same_uuid(const struct parser *p)
{
	for (size_t i = 0; i < p->file->devices.count; i++) {
		const struct file_device *twin = find_twin(p->file, i);

		if (twin)
			return bp_fail(p->ctx, -EINVAL,
				       "devices '%s' and '%s' have the same uuid",
				       p->file->devices.items[i].name, twin->name);
	}
	return 0;
}

/* --- all of it --- */

static void stackfile_freep(struct bp_stackfile **file)
{
	bp_stackfile_free(*file);
}

/* Line by line; the first fault ends it, with its line. */
static int read_text(struct parser *p, const char *text)
{
	int r = 0;

	for (p->at = text; r == 0 && *p->at; p->at += *p->at == '\n') {
		p->line = p->at;
		p->number++;
		r = read_line(p);
		if (r == 0)
			p->at += strcspn(p->at, "\n");
	}
	if (r == 0 && !p->file->name[0]) {
		bp_fail(p->ctx, -EINVAL, "it is empty: 'stack NAME' comes first");
		error_set_code(p->ctx, BP_E_FORMAT);
		return -EINVAL;
	}
	for (size_t i = 0; r == 0 && i < p->file->devices.count; i++)
		r = check_device(p, &p->file->devices.items[i]);
	return r < 0 ? r : same_uuid(p);
}

/* MOST_BYTES bounds it, as it may come from anywhere. */
int bp_stackfile_parse(struct bp_ctx *ctx, const char *text, struct bp_stackfile **ret)
{
	_cleanup_(stackfile_freep) struct bp_stackfile *file = NULL;
	struct parser p = { .ctx = ctx };
	int r = dm_get(ctx, &p.dm);

	if (r < 0)
		return r;
	if (strnlen(text, MOST_BYTES + 1) > MOST_BYTES) {
		bp_fail(ctx, -EINVAL, "it is longer than 1 MiB");
		error_set_code(ctx, BP_E_FORMAT);
		return -EINVAL;
	}
	p.file = file = calloc(1, sizeof(*file));
	if (!file)
		return bp_fail_memory(ctx);
	file->ctx = ctx;
	r = read_text(&p, text);
	if (r < 0)
		return r;
	*ret = steal(file);
	return 0;
}

void bp_stackfile_free(struct bp_stackfile *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->loops.count; i++) {
		free(file->loops.items[i].name);
		free(file->loops.items[i].path);
	}
	vec_done(&file->loops);
	for (size_t i = 0; i < file->devices.count; i++) {
		free(file->devices.items[i].name);
		free(file->devices.items[i].uuid);
		bp_table_free(file->devices.items[i].table);
	}
	vec_done(&file->devices);
	free(file);
}

const char *bp_stackfile_name(const struct bp_stackfile *file)
{
	return file->name;
}
