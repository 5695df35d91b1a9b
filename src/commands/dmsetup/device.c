/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Naming a device, and the sentences that programs read when the kernel refuses: the operation as
 * libdevmapper calls it, the device as it was asked for, and the errno's text behind the last ": ".
 */
#include "commands/dmsetup/dmsetup.h"

#include <bedplate/bdev.h>

#include <dirent.h>
#include <stdarg.h>
#include <sys/stat.h>

/*
 * Always -1, so that callers return it. What a terminal could take for a command is made
 * visible.
 */
int say(const struct front *f, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL, *safe = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text && isatty(fileno(f->err)))
		safe = cli_visible(text);
	fprintf(f->err, "%s\n", safe ? safe : text ? text : "");
	return -1;
}

void put(const struct front *f, const char *text)
{
	cli_print(f->cli, "%s", text);
}

void put_all(const struct front *f, const struct strbuf *text)
{
	if (text->error)
		cli_lost(f->cli);
	else
		put(f, strbuf_text(text));
}

/* --- names --- */

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("#+-.:=@_", c);
}

/* Why a name can't be encoded. */
enum encoded { ENCODED, MIXED, TOO_LONG };

/* @always: a backslash too (mode hex); else what looks encoded stays. @size: with NUL. */
static enum encoded encode(const char *name, bool always, char *ret, size_t size)
{
	bool escaped = false, odd = false;
	size_t n = 0;

	for (; *name; name++) {
		bool escape = !always && name[0] == '\\' && name[1] == 'x';
		bool as_is = escape || plain(*name);

		if (escape && strnlen(name, 4) < 4)
			return MIXED;
		escaped |= escape;
		odd |= !as_is;
		if (escaped && odd)
			return MIXED;
		if (n + (escape || !as_is ? 4 : 1) >= size)
			return TOO_LONG;
		if (as_is) {
			memcpy(ret + n, name, escape ? 4 : 1);
			n += escape ? 4 : 1;
			name += escape ? 3 : 0;
			continue;
		}
		n += (size_t)snprintf(ret + n, size - n, "\\x%02x", (unsigned char)*name);
	}
	ret[n] = '\0';
	return ENCODED;
}

/* Two lines, as two functions of the other library complain. */
int name_encode_said(struct front *f, const char *what, const char *name, char *ret,
		     size_t size)
{
	bool is_new = strncmp(what, "new ", 4) == 0;
	enum encoded how;

	if (f->mangling == MANGLE_NONE) {
		snprintf(ret, size, "%s", name);
		return 0;
	}
	if (f->mangling == MANGLE_AUTO && strstr(name, "\\x5cx"))
		return say(f,
			   "The %s \"%s\" seems to be mangled more than once. "
			   "This is not allowed in auto mode.",
			   what, name);
	how = encode(name, f->mangling == MANGLE_HEX, ret, size);
	if (how == ENCODED)
		return 0;
	if (how == MIXED)
		say(f,
		    "The %s \"%s\" contains mixed mangled and unmangled characters or it's "
		    "already mangled improperly.",
		    what, name);
	else
		say(f, "Mangled form of the %s too long for \"%s\".", what, name);
	return say(f, "Failed to mangle %sdevice %s \"%s\"%s", is_new ? "new " : "",
		   streq(what, "UUID") ? "uuid" : "name", name, is_new ? "" : ".");
}

/* --- paths --- */

static const char *mapper_dir(char *buf, size_t size)
{
	const char *dev = getenv("DM_DEV_DIR");

	snprintf(buf, size, "%s/mapper", dev && *dev ? dev : "/dev");
	return buf;
}

/* The name in the mapper directory of a device with this number. */
static bool find_node(const char *dir, dev_t dev, char *ret)
{
	char path[BP_NODE_SIZE + 256];
	bool found = false;
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);

	/* One stream of this one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && !found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		found = strlen(e->d_name) < BP_NAME_SIZE && stat(path, &st) == 0 &&
			S_ISBLK(st.st_mode) && st.st_rdev == dev;
		if (found)
			snprintf(ret, BP_NAME_SIZE, "%.*s", BP_NAME_SIZE - 1, e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* A path counts if it is the device's own node, by number, or one beside it. */
static int name_of_path(struct front *f, const char *path, char *ret)
{
	const char *last = strrchr(path, '/') + 1;
	char dir[BP_NODE_SIZE], node[2 * BP_NODE_SIZE];
	struct stat st, same;
	int r = stat(path, &st);

	mapper_dir(dir, sizeof(dir));
	if (r < 0 && path[0] != '/' && strchr(path, '/') + 1 == last) {
		snprintf(node, sizeof(node), "%s/../%s", dir, path);
		r = stat(node, &st);
	}
	if (r < 0)
		return say(f, "Device %s not found", path);
	snprintf(node, sizeof(node), "%s/%s", dir, last);
	if (stat(node, &same) == 0 && same.st_rdev == st.st_rdev &&
	    strlen(last) < BP_NAME_SIZE) {
		strcpy(ret, last);
		return 0;
	}
	return find_node(dir, st.st_rdev, ret) ? 0 : say(f, "Device %s not found", last);
}

/* --- devices --- */

/* A device number that no device has: no driver's major is so high. */
#define NOBODYS_NUMBER 4095

static void nobody(struct device *ret)
{
	ret->which.major = ret->which.minor = NOBODYS_NUMBER;
	strcpy(ret->label, " ");
}

/* Names are checked here, as the kernel would only say EINVAL. The empty one is asked for as any other is. */
static int by_name(struct front *f, const char *word, struct device *ret)
{
	int r = 0;

	ret->shown = word;
	if (!*word) {
		nobody(ret);
		return 0;
	}
	if (strchr(word, '/'))
		r = name_of_path(f, word, ret->name);
	else if (strlen(word) >= BP_NAME_SIZE)
		r = say(f, "Name \"%s\" too long.", word);
	else
		r = name_encode_said(f, "name", word, ret->name, sizeof(ret->name));
	ret->which.name = ret->name;
	snprintf(ret->label, sizeof(ret->label), "%s ", ret->name);
	return r;
}

/* A word goes before --uuid, and that before --major. */
int device_by_word(struct front *f, const char *word, struct device *ret)
{
	*ret = (struct device){ 0 };
	if (word)
		return by_name(f, word, ret);
	if (f->args.uuid && !*f->args.uuid) {
		nobody(ret);
		return 0;
	}
	if (f->args.uuid) {
		char uuid[BP_UUID_SIZE];

		ret->which.uuid = f->args.uuid;
		snprintf(ret->label, sizeof(ret->label), " %.*s", BP_UUID_SIZE, f->args.uuid);
		return name_encode_said(f, "UUID", f->args.uuid, uuid, sizeof(uuid));
	}
	if (f->args.major) {
		ret->which.major = f->major;
		ret->which.minor = f->minor;
		snprintf(ret->label, sizeof(ret->label), " (%u:%u)", f->major, f->minor);
		return 0;
	}
	return say(f, "No device specified.");
}

void device_listed(const struct front *f, const struct bp_device_entry *entry,
		   struct device *ret)
{
	*ret = (struct device){
		.which = { .major = entry->major, .minor = entry->minor },
		.shown = f->mangling == MANGLE_NONE ? entry->kernel_name : entry->name,
	};
	memcpy(ret->name, entry->kernel_name, sizeof(ret->name));
	snprintf(ret->label, sizeof(ret->label), "%s ", entry->kernel_name);
}

const char *shown_name(const struct front *f, const struct bp_device_info *info)
{
	return f->mangling == MANGLE_NONE ? info->kernel_name : info->name;
}

/* What was mangled on its way to the kernel is told as the kernel holds it, where nothing is to be mangled. */
const char *shown_uuid(const struct front *f, const struct bp_device_info *info,
		       char buf[BP_UUID_SIZE])
{
	if (f->mangling != MANGLE_NONE ||
	    encode(info->uuid, false, buf, BP_UUID_SIZE) != ENCODED)
		return info->uuid;
	return buf;
}

bool names_device(const struct front *f, int argc)
{
	return argc || f->args.uuid || f->args.major;
}

struct each {
	struct front *f;
	int (*one)(struct front *f, const struct device *device);
	int worst;
	bool any;
};

static int one_listed(void *user, const struct bp_device_entry *entry)
{
	struct each *each = user;
	struct device device;

	each->any = true;
	device_listed(each->f, entry, &device);
	if (each->one(each->f, &device) < 0)
		each->worst = -1;
	return 0;
}

/* One that fails doesn't end the list. */
static int each_listed(struct front *f,
		       int (*one)(struct front *f, const struct device *device))
{
	struct each each = { .f = f, .one = one };
	int r;

	f->many = true;
	r = bp_device_visit(f->ctx, one_listed, &each);
	if (r < 0)
		return refused(f, "names", " ", r);
	if (!each.any)
		fputs("No devices found\n", f->out);
	return each.worst;
}

/* Named, or all. */
int each_device(struct front *f, int argc, char **argv,
		int (*one)(struct front *f, const struct device *device))
{
	struct device device;

	if (!names_device(f, argc))
		return each_listed(f, one);
	if (device_by_word(f, argc ? argv[0] : NULL, &device) < 0)
		return -1;
	return one(f, &device);
}

/* --- refusals --- */

/* Without device-mapper, or without the right to it, every verb says this. */
static int no_control(const struct front *f, int r)
{
	char dir[BP_NODE_SIZE];
	const struct bp_error *e = bp_error_get(f->ctx);
	const char *why = e->code == BP_E_NO_DM && e->cause ? e->cause : strerror(-r);

	say(f, "%s/control: open failed: %s", mapper_dir(dir, sizeof(dir)), why);
	say(f, "Failure to communicate with kernel device-mapper driver.");
	if (e->code == BP_E_NO_DM)
		say(f, "Check that device-mapper is available in the kernel.");
	return say(f, "Incompatible libdevmapper " DMSETUP_LEVEL
		      " and kernel driver (unknown version).");
}

int refused(const struct front *f, const char *ioctl, const char *label, int r)
{
	enum bp_error_code code = bp_error_get(f->ctx)->code;

	if (code == BP_E_NO_DM || (code == BP_E_PERMISSION && r == -EACCES))
		return no_control(f, r);
	return say(f, "device-mapper: %s ioctl on %s failed: %s", ioctl, label, strerror(-r));
}

int not_told(const struct front *f, const char *ioctl, const struct device *device, int r)
{
	if (r == -ENXIO)
		return say(f, "Device does not exist.");
	return refused(f, ioctl, device->label, r);
}

void dev_name(struct front *f, uint32_t major, uint32_t minor, char *ret)
{
	const struct bp_selector which = { .major = major, .minor = minor };
	struct bp_device_info info;

	ret[0] = '\0';
	/* One without any table yet has no name but its number. */
	if (f->dev_names == DEV_NUMBER || bp_bdev_name(f->ctx, major, minor, ret) < 0)
		return;
	if (f->dev_names == DEV_NAME && bp_device_info(f->ctx, &which, &info) == 0)
		snprintf(ret, BP_NAME_SIZE, "%s", info.kernel_name);
}
