/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * create, load and reload: tables from --table, a file or standard input, and several devices from
 * one line. A device whose table or resume fails is removed again; of several, those before it
 * stay, as programs expect.
 */
#include "commands/dmsetup/dmsetup.h"

#include "core/vec.h"

#include <ctype.h>

/* What libdevmapper of this system gives nodes where no udev does. */
#define NODE_GID  6 /* disk */
#define NODE_MODE 0660

/* --- tables --- */

/* Overwritten first: tables may hold keys. */
void lines_done(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		explicit_bzero((char *)(uintptr_t)lines->items[i].text,
			       strlen(lines->items[i].text));
		free((char *)(uintptr_t)lines->items[i].text);
		free((char *)(uintptr_t)lines->items[i].target);
	}
	vec_done(lines);
}

static int add_line(struct front *f, const char *from, const char *target, int target_len,
		    const char *args, struct lines *ret)
{
	struct bp_status_line line = {
		.target = strndup(target, (size_t)target_len),
		.text = strndup(args, strcspn(args, "#")),
	};

	/* As the kernel's parser reads them; what does not fit wraps there as here. */
	if (sscanf(from, "%llu %llu", (unsigned long long *)&line.start_sectors,
		   (unsigned long long *)&line.length_sectors) == 2 &&
	    line.target && line.text && vec_add(ret, &line) == 0)
		return 0;
	free((char *)(uintptr_t)line.target);
	free((char *)(uintptr_t)line.text);
	return say(f, "no memory");
}

/* @text is changed. @of: which table, for the error. */
static int parse_line(struct front *f, char *text, unsigned number, const char *of,
		      struct lines *ret)
{
	size_t len = strlen(text);
	int target = 0, target_end = 0, args = 0;

	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	while (isspace((unsigned char)*text))
		text++;
	if (!*text || *text == '#')
		return 0;
	if (sscanf(text, "%*u %*u %n%*s%n %n", &target, &target_end, &args) < 0 || !target_end)
		return say(f, "Invalid format on line %u of table %s.", number, of);
	return add_line(f, text, text + target, target_end - target, text + args, ret);
}

/* @text is cut into lines in place. */
static int parse_text(struct front *f, char *text, struct lines *ret)
{
	unsigned number = 0;

	while (text) {
		char *end = strchr(text, '\n');

		if (end)
			*end++ = '\0';
		if (parse_line(f, text, ++number, "", ret) < 0)
			return -1;
		text = end;
	}
	return 0;
}

/* The buffer is overwritten for the same reason as the lines. */
static int parse_file(struct front *f, const char *path, struct lines *ret)
{
	FILE *from = path ? fopen(path, "re") : stdin;
	unsigned number = 0;
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!from)
		return say(f, "Couldn't open '%s' for reading.", path);
	while (r == 0 && getline(&line, &size, from) > 0)
		r = parse_line(f, line, ++number, path ? path : "on stdin", ret);
	/* Half a table would make another device. */
	if (r == 0 && !feof(from))
		r = say(f, "Couldn't read '%s': %s", path ? path : "standard input",
			strerror(errno));
	if (line)
		explicit_bzero(line, size);
	free(line);
	if (path)
		fclose(from);
	return r;
}

int lines_read(struct front *f, char *text, const char *file, struct lines *ret)
{
	return text ? parse_text(f, text, ret) : parse_file(f, file, ret);
}

/* --- one device --- */

struct new_device {
	const char *name, *uuid;
	bool read_only, with_minor;
	uint32_t minor;
	struct lines lines;
};

static uint32_t as_number(const char *text, uint32_t otherwise)
{
	return text ? (uint32_t)strtol(text, NULL, 10) : otherwise;
}

void node_mode(const struct front *f, uint32_t *uid, uint32_t *gid, uint32_t *mode)
{
	*uid = as_number(f->args.uid, 0);
	*gid = as_number(f->args.gid, NODE_GID);
	*mode = f->args.mode ? (uint32_t)strtol(f->args.mode, NULL, 8) : NODE_MODE;
}

/* Without a table: that is loaded afterwards, by a call of its own. */
static int make(struct front *f, const struct new_device *new, const char *name,
		struct bp_device_info *ret)
{
	struct bp_create_opts opts = {
		.size = sizeof(opts),
		.uuid = new->uuid,
		.flags = BP_CREATE_MODE,
		.major = f->major,
		.minor = new->minor,
		.timeout_ms = -1,
	};
	char label[BP_NAME_SIZE + BP_UUID_SIZE + 2];
	int r;

	node_mode(f, &opts.uid, &opts.gid, &opts.mode);
	if (new->with_minor)
		opts.flags |= BP_CREATE_PERSISTENT;
	if (f->args.add_on_create)
		opts.flags |= BP_CREATE_NODE_EARLY;
	r = bp_device_create(f->ctx, name, NULL, &opts, ret);
	if (r == 0)
		return 0;
	snprintf(label, sizeof(label), "%s %.*s", name, BP_UUID_SIZE,
		 new->uuid ? new->uuid : "");
	return refused(f, "create", label, r);
}

/* Its table, and life. On failure the device goes again. */
static int fill(struct front *f, const struct new_device *new,
		const struct bp_device_info *info)
{
	const struct bp_selector which = { .major = info->major, .minor = info->minor };
	struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = (new->read_only ? BP_CHANGE_READ_ONLY : 0) | BP_CHANGE_MODE,
		.read_ahead_sectors = f->read_ahead,
		.read_ahead_minimum = f->read_ahead_minimum,
		.timeout_ms = -1,
	};
	const char *ioctl = "reload";
	char label[BP_NAME_SIZE + 32];
	int r;

	node_mode(f, &opts.uid, &opts.gid, &opts.mode);
	r = bp_device_load_lines(f->ctx, &which, new->lines.items, new->lines.count, &opts);
	if (r == 0) {
		ioctl = "resume";
		r = bp_device_resume(f->ctx, &which, &opts);
	}
	if (r == 0)
		return 0;
	if (streq(ioctl, "reload")) /* by number; the other by name */
		snprintf(label, sizeof(label), "%s (%u:%u)", info->kernel_name, info->major,
			 info->minor);
	else
		snprintf(label, sizeof(label), "%s ", info->kernel_name);
	refused(f, ioctl, label, r);
	bp_device_remove(f->ctx, &which, NULL, NULL);
	return -1;
}

/* A device that can't be filled is taken away again by fill(). */
static int create_one(struct front *f, const struct new_device *new)
{
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	struct bp_device_info info;
	struct device device;

	if (strchr(new->name, '/'))
		return say(f, "Name \"%s\" invalid. It contains \"/\".", new->name);
	if (strlen(new->name) >= BP_NAME_SIZE)
		return say(f, "Name \"%s\" too long.", new->name);
	if (name_encode_said(f, "name", new->name, name, sizeof(name)) < 0)
		return -1;
	if (new->uuid && name_encode_said(f, "UUID", new->uuid, uuid, sizeof(uuid)) < 0)
		return -1;
	if (make(f, new, name, &info) < 0)
		return -1;
	if (new->lines.count && fill(f, new, &info) < 0)
		return -1;
	if (!f->args.verbose)
		return 0;
	return device_by_word(f, info.kernel_name, &device) < 0 ? -1 : info_of(f, &device);
}

/* --- several, in one line --- */

enum field { FIELD_NAME, FIELD_UUID, FIELD_MINOR, FIELD_FLAGS, FIELD_TABLE, FIELDS };

/* The fields of one device, in place: @at is where the next character goes. */
struct concise {
	char *fields[FIELDS], *at;
	int field;
};

static int say_fields(struct front *f, const struct concise *c)
{
	const char *shown[FIELDS];

	for (int i = 0; i < FIELDS; i++)
		shown[i] = c->fields[i] ? c->fields[i] : "(null)";
	return say(f, "Parsed %d fields: name: %s uuid: %s minor: %s flags: %s table: %s",
		   c->field + 1, shown[0], shown[1], shown[2], shown[3], shown[4]);
}

/* By fields, of which the last is a table in lines. */
static int create_concise_one(struct front *f, const struct concise *c)
{
	struct new_device new = {
		.name = c->fields[FIELD_NAME],
		.uuid = c->fields[FIELD_UUID][0] ? c->fields[FIELD_UUID] : NULL,
		.read_only = f->args.read_only || streq(c->fields[FIELD_FLAGS], "ro"),
		.with_minor = c->fields[FIELD_MINOR][0],
		.minor = as_number(c->fields[FIELD_MINOR], 0),
	};
	int r;

	if (!new.read_only && c->fields[FIELD_FLAGS][0] && !streq(c->fields[FIELD_FLAGS], "rw"))
		return say(f, "Invalid flags parameter '%s' must be 'ro' or 'rw' or empty.",
			   c->fields[FIELD_FLAGS]);
	r = parse_text(f, c->fields[FIELD_TABLE], &new.lines);
	if (r == 0)
		r = create_one(f, &new);
	lines_done(&new.lines);
	return r;
}

/* The end of a device, or of all text. */
static int end_device(struct front *f, struct concise *c)
{
	int r;

	*c->at++ = '\0';
	if (c->field != FIELD_TABLE) {
		say(f, "Five comma-separated fields are required for each device");
		return say_fields(f, c);
	}
	r = create_concise_one(f, c);
	*c = (struct concise){ .fields = { c->at }, .at = c->at };
	return r;
}

static const char *skip_space(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* One character of @from, or one that a backslash takes literally; where the text goes on. */
static const char *take_char(struct front *f, struct concise *c, const char *from, int *ret)
{
	bool last = !from[1];

	if (*from == '\\' && last) {
		say(f, "Backslash must be followed by another character at end of string.");
		*c->at = '\0';
		*ret = say_fields(f, c);
	} else if (*from == '\\') {
		*c->at++ = from[1];
		return from + 2;
	} else if (*from == ',' && c->field < FIELD_TABLE) {
		*c->at++ = '\0';
		c->fields[++c->field] = c->at;
		return skip_space(from + 1);
	} else if (*from == ';' || (last && *from != ',')) {
		if (*from != ';')
			*c->at++ = *from;
		*ret = end_device(f, c);
		return skip_space(from + 1);
	} else {
		*c->at++ = *from == ',' ? '\n' : *from;
	}
	return from + 1;
}

static int create_concise(struct front *f, const char *text)
{
	/* Never longer than the text; a NUL more for each end. */
	_cleanup_(freep) char *copy = calloc(2, strlen(text) + 1);
	struct concise c = { .fields = { copy }, .at = copy };
	int r = 0;

	if (!copy)
		return say(f, "no memory");
	while (r == 0 && *text)
		text = take_char(f, &c, text, &r);
	if (r < 0 || c.fields[0] == c.at)
		return r;
	*c.at = '\0';
	say(f, "Incomplete entry: five comma-separated fields are required for each device");
	return say_fields(f, &c);
}

/* All of standard input at once: the form knows no lines. */
static int concise_from(struct front *f, int argc, char **argv)
{
	const struct args *a = &f->args;
	char *text = NULL;
	size_t size = 0;
	int r;

	if (a->table || a->minor || a->uuid || a->notable || a->inactive)
		return say(f, "--concise is incompatible with --[no]table, --minor, --uuid and "
			      "--inactive.");
	if (argc > 1)
		return say(f, "dmsetup create --concise takes at most one argument");
	if (argc)
		return create_concise(f, argv[0]);
	if (getdelim(&text, &size, '\0', stdin) < 0) {
		free(text);
		return feof(stdin)
			       ? 0
			       : say(f, "Couldn't read standard input: %s", strerror(errno));
	}
	r = create_concise(f, text);
	free(text);
	return r;
}

/* --- the verbs --- */

/* getopt's words are ours to change, but --table may be read more than once. */
static int table_of(struct front *f, const char *file, struct lines *ret)
{
	_cleanup_(freep) char *copy = f->args.table ? strdup(f->args.table) : NULL;

	if (f->args.table && !copy)
		return say(f, "no memory");
	return lines_read(f, copy, file, ret);
}

/* Either one device, or those of --concise. */
int verb_create(struct front *f, int argc, char **argv)
{
	struct new_device new = {
		.uuid = f->args.uuid,
		.read_only = f->args.read_only,
		.with_minor = f->args.minor,
		.minor = f->minor,
	};
	int r = 0;

	if (f->args.concise)
		return concise_from(f, argc, argv);
	if (!argc)
		return say(f, "Please provide a name for the new device.");
	new.name = argv[0];
	if (!f->args.notable)
		r = table_of(f, argc > 1 ? argv[1] : NULL, &new.lines);
	if (r == 0)
		r = create_one(f, &new);
	lines_done(&new.lines);
	return r;
}

/* Loaded only: it becomes live at the next resume. */
static int load(struct front *f, const struct device *device, const char *file)
{
	struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = f->args.read_only ? BP_CHANGE_READ_ONLY : 0,
		.timeout_ms = -1,
	};
	struct lines lines = { 0 };
	int r = table_of(f, file, &lines);

	if (r == 0) {
		r = bp_device_load_lines(f->ctx, &device->which, lines.items, lines.count,
					 &opts);
		if (r < 0)
			refused(f, "reload", device->label, r);
	}
	lines_done(&lines);
	return r < 0 ? -1 : f->args.verbose ? info_of(f, device) : 0;
}

/* The device by name or by its options; what is left is a file. */
int verb_load(struct front *f, int argc, char **argv)
{
	const char *word = NULL, *file = NULL;
	struct device device;

	if (f->args.notable)
		return say(f, "--notable only available when creating new device.");
	if (!f->args.uuid && !f->args.major) {
		if (!argc)
			return say(f, "Please specify device.");
		word = argv[0];
		argc--;
		argv++;
	} else if (argc > 1) {
		return say(f, "Too many command line arguments.");
	}
	if (argc == 1)
		file = argv[0];
	return device_by_word(f, word, &device) < 0 ? -1 : load(f, &device, file);
}
