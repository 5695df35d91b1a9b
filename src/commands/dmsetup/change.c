/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that change a device that is there, each one operation of the kernel and without a limit
 * in time, as scripts expect it of them.
 */
#include "commands/dmsetup/dmsetup.h"

#include "core/clock.h"

#include <ctype.h>

/* How often and how fast --retry tries. */
#define RETRIES  25
#define RETRY_MS 200

static uint32_t suspend_flags(const struct front *f)
{
	return (f->args.noflush ? BP_CHANGE_NO_FLUSH : 0) |
	       (f->args.nolockfs ? BP_CHANGE_NO_LOCKFS : 0);
}

/* A change of one device, named or not, and what to say where it is refused. */
struct change {
	const char *ioctl;
	int (*call)(struct bp_ctx *ctx, const struct bp_selector *which,
		    const struct bp_change_opts *opts);
};

/* What suspend, resume and clear share: only the call and the name of its ioctl differ. */
static int change(struct front *f, const struct change *c, const struct device *device)
{
	struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = suspend_flags(f) | (f->args.add_on_create ? BP_CHANGE_NO_NODE : 0),
		.read_ahead_sectors = f->read_ahead,
		.read_ahead_minimum = f->read_ahead_minimum,
		.timeout_ms = -1,
	};
	int r;

	opts.flags |= BP_CHANGE_MODE;
	node_mode(f, &opts.uid, &opts.gid, &opts.mode);
	r = c->call(f->ctx, &device->which, &opts);
	return r < 0 ? refused(f, c->ioctl, device->label, r) : 0;
}

static int change_named(struct front *f, const struct change *c, int argc, char **argv)
{
	struct device device;

	if (device_by_word(f, argc ? argv[0] : NULL, &device) < 0 || change(f, c, &device) < 0)
		return -1;
	return f->args.verbose ? info_of(f, &device) : 0;
}

static const struct change resume = { "resume", bp_device_resume };
static const struct change clear = { "clear", bp_device_clear };

int verb_suspend(struct front *f, int argc, char **argv)
{
	const struct change suspend = { "suspend", bp_device_suspend };

	return change_named(f, &suspend, argc, argv);
}

int verb_resume(struct front *f, int argc, char **argv)
{
	return change_named(f, &resume, argc, argv);
}

int verb_clear(struct front *f, int argc, char **argv)
{
	return change_named(f, &clear, argc, argv);
}

/* --- tables of errors --- */

/* An error target has to be as long as the table that it replaces. */
static int table_length(struct front *f, const struct device *device, uint64_t *ret)
{
	struct bp_device_status *status;
	int r = bp_device_table_lines(f->ctx, &device->which,
				      f->args.inactive ? BP_TABLE_INACTIVE : 0, &status);

	*ret = 0;
	if (r < 0)
		return refused(f, "table", device->label, r);
	for (size_t i = 0; i < bp_device_status_count(status); i++)
		*ret += bp_device_status_get(status, i)->length_sectors;
	bp_device_status_free(status);
	return 0;
}

/* The new table is dropped again where the resume fails: nothing of it may be left loaded. */
static int wipe(struct front *f, const struct device *device)
{
	struct bp_status_line line = { .target = "error", .text = "" };
	struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = f->args.read_only ? BP_CHANGE_READ_ONLY : 0,
		.timeout_ms = -1,
	};
	int r;

	table_length(f, device, &line.length_sectors);
	r = bp_device_load_lines(f->ctx, &device->which, &line, 1, &opts);
	if (r < 0)
		return refused(f, "reload", device->label, r);
	if (f->args.force) /* there may be I/O that never ends */
		f->args.noflush = f->args.nolockfs = 1;
	if (change(f, &resume, device) == 0)
		return 0;
	change(f, &clear, device);
	return -1;
}

int verb_wipe_table(struct front *f, int argc, char **argv)
{
	struct device device;

	if (!argc || !argv[0][0])
		return say(f, "No device specified.");
	return device_by_word(f, argv[0], &device) < 0 ? -1 : wipe(f, &device);
}

/* --- remove --- */

/*
 * A device whose removal is put off has no node from then on, as libdevmapper has it, where nodes are not udev's: nobody
 * is to open it any more, and nobody would remove the node later.
 */
static void drop_node(struct front *f, const struct device *device)
{
	struct bp_udev_state udev;
	struct bp_device_info info;

	if (device->shown && bp_device_info(f->ctx, &device->which, &info) == 0 &&
	    bp_udev_probe(f->ctx, &udev) == 0 && !udev.runs)
		unlink(info.path);
}

static int remove_once(struct front *f, const struct device *device)
{
	enum bp_removed how = BP_REMOVED;
	const struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = f->args.deferred ? BP_REMOVE_DEFERRED : 0,
		.timeout_ms = -1,
	};
	int r = bp_device_remove(f->ctx, &device->which, &opts, &how);

	if (r < 0)
		refused(f, "remove", device->label, r);
	else if (how == BP_REMOVED_DEFERRED)
		drop_node(f, device);
	return r;
}

/* Only "busy" is worth another try: udev may look at the device for a moment. */
static int remove_device(struct front *f, const struct device *device)
{
	int tries = f->args.retry ? RETRIES : 1, r;

	for (;;) {
		r = remove_once(f, device);
		if (r != -EBUSY || --tries == 0)
			return r < 0 ? -1 : 0;
		clock_sleep_ms(RETRY_MS);
	}
}

int verb_remove(struct front *f, int argc, char **argv)
{
	struct device device;

	if (device_by_word(f, argc ? argv[0] : NULL, &device) < 0)
		return -1;
	if (f->args.force && argc && f->cookie)
		say(f, "WARNING: Use of cookie and --force is not compatible.");
	if (f->args.force && argc && !argv[0][0])
		say(f, "No device specified.");
	else if (f->args.force && argc)
		wipe(f, &device); /* that it failed has been said: it may go all the same */
	return remove_device(f, &device);
}

/* Those that nobody holds; the others stay, and that is no failure. */
static int remove_free(struct front *f, size_t *ret_left)
{
	const struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = f->args.deferred ? BP_REMOVE_DEFERRED : 0,
		.timeout_ms = -1,
	};
	int r = bp_device_remove_all(f->ctx, &opts, ret_left);

	if (r < 0 && r != -EBUSY)
		return refused(f, "remove-all", " ", r);
	bp_device_mknodes(f->ctx, NULL);
	return 0;
}

/* A device that can't be wiped doesn't keep the others from it. */
static int wipe_all(struct front *f)
{
	struct bp_device_list *list;
	int r = bp_device_list(f->ctx, &list);

	if (r < 0)
		return refused(f, "names", " ", r);
	for (size_t i = 0; i < bp_device_list_count(list); i++) {
		struct device device;

		device_listed(f, bp_device_list_get(list, i), &device);
		wipe(f, &device);
	}
	bp_device_list_free(list);
	return 0;
}

/* --force: what is in use gets an error target first, so that its users let it go. */
int verb_remove_all(struct front *f, int argc, char **argv)
{
	size_t left = 0;

	(void)argc;
	(void)argv;
	if (remove_free(f, &left) < 0)
		return -1;
	if (!f->args.force || !left)
		return 0;
	if (wipe_all(f) < 0 || remove_free(f, &left) < 0)
		return -1;
	if (left)
		say(f, "Unable to remove %zu device(s).", left);
	return 0;
}

/* --- names --- */

/* The kernel looks first whether the new name or uuid is taken, and then who is to have it. */
static int none_or_taken(struct front *f, const struct bp_selector *taken)
{
	struct bp_device_info info;

	return bp_device_info(f->ctx, taken, &info) == 0 ? -EBUSY : -ENXIO;
}

static int rename_to(struct front *f, const struct device *device, const char *word)
{
	const struct bp_change_opts opts = { .size = sizeof(opts), .timeout_ms = -1 };
	char name[BP_NAME_SIZE];
	int r;

	if (strchr(word, '/'))
		return say(f, "Name \"%s\" invalid. It contains \"/\".", word);
	if (strlen(word) >= BP_NAME_SIZE)
		return say(f, "Name \"%s\" too long", word);
	if (!*word)
		return say(f, "Non empty new name is required.");
	if (name_encode_said(f, "new name", word, name, sizeof(name)) < 0)
		return -1;
	/* The kernel finds the device to rename by its name only. */
	r = device->shown ? bp_device_rename(f->ctx, &device->which, name, &opts) : -ENXIO;
	if (r == -ENXIO)
		r = none_or_taken(f, &(struct bp_selector){ .name = name });
	return r < 0 ? refused(f, "rename", device->label, r) : 0;
}

/* A device that was not named can't be given one. */
static int give_uuid(struct front *f, const struct device *device, const char *uuid)
{
	char encoded[BP_UUID_SIZE];
	int r;

	if (name_encode_said(f, "UUID", uuid, encoded, sizeof(encoded)) < 0)
		return -1;
	r = device->shown ? bp_device_set_uuid(f->ctx, &device->which, uuid) : -ENXIO;
	if (r == -ENXIO)
		r = none_or_taken(f, &(struct bp_selector){ .uuid = uuid });
	return r < 0 ? refused(f, "rename", device->label, r) : 0;
}

int verb_rename(struct front *f, int argc, char **argv)
{
	struct device device;

	if (device_by_word(f, argc == 2 ? argv[0] : NULL, &device) < 0)
		return -1;
	return f->args.setuuid ? give_uuid(f, &device, argv[argc - 1])
			       : rename_to(f, &device, argv[argc - 1]);
}

/* Mangled twice is a mistake that nobody but a human can undo. */
static int mangle_one(struct front *f, const struct device *device)
{
	struct bp_device_info info;
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	int r = bp_device_info(f->ctx, &device->which, &info);

	if (r < 0)
		return r == -ENXIO ? -1 : refused(f, "status", device->label, r);
	if (strstr(info.kernel_name, "\\x5cx"))
		return say(f,
			   "The name \"%s\" seems to be mangled more than once. "
			   "Manual intervention required to rename the device.",
			   info.kernel_name);
	if (f->args.manglename && f->mangling == MANGLE_NONE)
		return say(f, "%s: names are not unmangled here: udev could not use them",
			   info.kernel_name);
	if (name_encode_said(f, "name", info.kernel_name, name, sizeof(name)) < 0 ||
	    name_encode_said(f, "UUID", info.uuid, uuid, sizeof(uuid)) < 0)
		return -1;
	if (streq(name, info.kernel_name)) {
		fprintf(f->out, "%s: %s: name %salready in correct form\n", name,
			uuid[0] ? uuid : "[no UUID]", info.uuid[0] ? "and UUID " : "");
		return 0;
	}
	fprintf(f->out, "%s: renaming to %s\n", info.kernel_name, name);
	r = bp_device_mangle(f->ctx, &device->which);
	return r < 0 ? refused(f, "rename", device->label, r) : 0;
}

int verb_mangle(struct front *f, int argc, char **argv)
{
	return argc && !argv[0][0] ? -1 : each_device(f, argc, argv, mangle_one);
}

/* --- messages, geometry, events, nodes --- */

/* Where the device of the operands stands; those behind it in *@argc and *@argv. */
static int first_device(struct front *f, int *argc, char ***argv, struct device *ret)
{
	const char *word = f->args.uuid || f->args.major ? NULL : (*argv)[0];

	if (word) {
		--*argc;
		++*argv;
	}
	return device_by_word(f, word, ret);
}

/* A reply ends with a newline, whatever the target sent. */
static int send(struct front *f, const struct device *device, uint64_t sector,
		const char *message)
{
	_cleanup_(freep) char *reply = NULL;
	int r = bp_device_message(f->ctx, &device->which, sector, message, -1, &reply);

	if (r < 0)
		return refused(f, "message", device->label, r);
	if (reply[0]) {
		put(f, reply);
		if (reply[strlen(reply) - 1] != '\n')
			fputc('\n', f->out);
	}
	return 0;
}

/* Words are joined by a space each: the kernel takes one string. */
int verb_message(struct front *f, int argc, char **argv)
{
	struct strbuf message = { 0 };
	struct device device;
	uint64_t sector;
	char *end;
	int r;

	if (first_device(f, &argc, &argv, &device) < 0)
		return -1;
	errno = 0;
	sector = argc ? strtoull(argv[0], &end, 10) : 0;
	if (!argc || errno || *end || end == argv[0])
		return say(f, "Invalid sector.");
	if (argc == 1)
		say(f, "No message supplied.");
	for (int i = 1; i < argc; i++) {
		strbuf_add(&message, i > 1 ? " " : "");
		strbuf_add(&message, argv[i]);
	}
	r = message.error ? refused(f, "message", device.label, message.error)
			  : send(f, &device, sector, strbuf_text(&message));
	strbuf_done(&message);
	return r;
}

/* All four numbers or none. */
int verb_setgeometry(struct front *f, int argc, char **argv)
{
	uint64_t values[4];
	struct device device;
	int r = 0;

	if (first_device(f, &argc, &argv, &device) < 0)
		return -1;
	for (int i = 0; i < 4 && r == 0; i++) {
		char *end;

		if (!argv[i])
			return refused(f, "setgeometry", device.label, -EINVAL);
		values[i] = strtoull(argv[i], &end, 10);
		r = *end || end == argv[i] ? -EINVAL : 0;
	}
	if (r == 0)
		r = bp_device_set_geometry(f->ctx, &device.which, values[0], values[1],
					   values[2], values[3]);
	return r < 0 ? refused(f, "setgeometry", device.label, r) : 0;
}

/* Without a number, whatever event comes. */
int verb_wait(struct front *f, int argc, char **argv)
{
	struct bp_device_info info;
	struct device device;
	uint32_t event_nr;
	int r;

	if (!names_device(f, argc))
		return say(f, "No device specified.");
	if (first_device(f, &argc, &argv, &device) < 0)
		return -1;
	event_nr = argc ? (uint32_t)strtol(argv[argc - 1], NULL, 10) : 0;
	r = bp_device_info(f->ctx, &device.which, &info);
	if (r < 0)
		return refused(f, "waitevent", device.label, r);
	r = bp_device_wait(f->ctx, &device.which, event_nr, -1, &info);
	if (r < 0 && r != -ENXIO) /* that it was removed is an event too */
		return refused(f, "waitevent", device.label, r);
	return f->args.verbose ? info_show(f, &info) : 0;
}

int verb_mknodes(struct front *f, int argc, char **argv)
{
	struct device device;
	int r;

	if (!argc)
		r = bp_device_mknodes(f->ctx, NULL);
	else if (!argv[0][0])
		return say(f, "Unable to unlink device node for ''") +
		       1; /* which is no failure */
	else if (device_by_word(f, argv[0], &device) < 0)
		return -1;
	else
		r = bp_device_mknodes(f->ctx, &device.which);
	if (r == -ENXIO) /* its node, if there is one, is wrong: so are others like it */
		r = bp_device_mknodes(f->ctx, NULL);
	return r < 0 ? refused(f, "mknodes", argc ? device.label : " ", r) : 0;
}
