/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names as udev needs them: bytes other than letters, digits and #+-.:=@_ are written \xNN,
 * lower case. This is what the system's other device-mapper programs do by default, so both see
 * the same devices.
 */
#include "dm/kernel/engine.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool plain(unsigned char c)
{
	/* No isalnum(): that depends on the locale. */
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("#+-.:=@_", c));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape at @s stands for, or -1. */
static int escape(const char *s)
{
	int high, low;

	if (s[0] != '\\' || s[1] != 'x')
		return -1;
	high = hex(s[2]);
	low = high < 0 ? -1 : hex(s[3]);
	return low < 0 ? -1 : high * 16 + low;
}

void name_decode(const char *name, char *ret, size_t size)
{
	size_t n = 0;

	while (*name && n + 1 < size) {
		int c = escape(name);

		/* An escaped NUL stays as it is: a name can't hold one. */
		ret[n++] = c > 0 ? (char)c : *name;
		name += c > 0 ? 4 : 1;
	}
	ret[n] = '\0';
}

/*
 * As libdevmapper's "auto" mode: bytes outside of its list become \xNN; a name that has
 * such escapes already is taken as mangled. Both in one is refused, as nobody could read it
 * back.
 */
int name_encode(const char *name, char *ret, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t escapes = 0, odd = 0, n = 0;

	for (const char *s = name; *s; s++)
		if (escape(s) > 0) {
			escapes++;
			s += 3;
		} else if (!plain((unsigned char)*s)) {
			odd++;
		}
	if (escapes && odd)
		return -EINVAL;
	for (const char *s = name; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool as_is = escapes || plain(c);

		if (n + (as_is ? 1 : 4) >= size)
			return -ENAMETOOLONG;
		if (as_is) {
			ret[n++] = (char)c;
			continue;
		}
		ret[n++] = '\\';
		ret[n++] = 'x';
		ret[n++] = digits[c >> 4];
		ret[n++] = digits[c & 15];
	}
	ret[n] = '\0';
	return 0;
}

static int fail_name(struct bp_ctx *ctx, int r, const char *what, const char *name,
		     const char *why)
{
	bp_fail(ctx, r, "%s '%s': %s", what, name, why);
	error_set_code(ctx, BP_E_NAME);
	error_set_device(ctx, name);
	return r;
}

/* Why name_encode() did not take it. @size: with NUL. */
static int fail_encode(struct bp_ctx *ctx, int r, const char *what, const char *name, int size)
{
	if (r == -EINVAL)
		return fail_name(ctx, r, what, name,
				 "it has \\xNN beside characters that need to be written so");
	fail_name(ctx, -EINVAL, what, name, "too long");
	error_set_hint(ctx,
		       "%d bytes at most; each one that is not a letter, digit or one of "
		       "#+-.:=@_ takes 4",
		       size - 1);
	return -EINVAL;
}

/* What a path would make of it is no name. */
int bp_name_mangle(struct bp_ctx *ctx, const char *name, char *ret)
{
	char mangled[BP_NAME_SIZE];
	int r;

	if (!name || !*name)
		return fail_name(ctx, -EINVAL, "name", "", "it is empty");
	if (strchr(name, '/'))
		return fail_name(ctx, -EINVAL, "name", name, "it has a slash");
	if (streq(name, ".") || streq(name, ".."))
		return fail_name(ctx, -EINVAL, "name", name, "that is a directory");
	if (streq(name, "control"))
		return fail_name(ctx, -EINVAL, "name", name,
				 "its node would hide the control node");
	r = name_encode(name, mangled, sizeof(mangled));
	if (r < 0)
		return fail_encode(ctx, r, "name", name, BP_NAME_SIZE);
	strcpy(ret, mangled);
	return 0;
}

/* A number: every verb would take such a name for that of another device. */
static bool is_number(const char *name)
{
	size_t major = strspn(name, "0123456789"), minor;

	if (!major || name[major] != ':')
		return false;
	minor = strspn(name + major + 1, "0123456789");
	return minor && !name[major + 1 + minor];
}

/*
 * For devices that we make, stricter than for those that are there: names that other
 * programs choke on.
 */
int name_new(struct bp_ctx *ctx, const char *name, char *ret)
{
	char mangled[BP_NAME_SIZE], decoded[BP_NAME_SIZE];
	int r = bp_name_mangle(ctx, name, mangled);

	if (r < 0)
		return r;
	name_decode(mangled, decoded, sizeof(decoded));
	if (strchr(decoded, '/'))
		return fail_name(ctx, -EINVAL, "name", name, "it stands for one with a slash");
	/* A backslash, mangled, in front of an x: libdevmapper takes that for mangled twice, and no
	 * program that uses it lists any device any more. */
	if (strstr(mangled, "\\x5cx"))
		return fail_name(ctx, -EINVAL, "name", name,
				 "other programs take it for mangled twice, and then stop");
	if (is_number(decoded))
		return fail_name(ctx, -EINVAL, "name", name,
				 "it looks like the number of a device");
	strcpy(ret, mangled);
	return 0;
}

int bp_name_unmangle(struct bp_ctx *ctx, const char *name, char *ret)
{
	if (!name || !*name)
		return fail_name(ctx, -EINVAL, "name", "", "it is empty");
	if (strlen(name) >= BP_NAME_SIZE)
		return fail_name(ctx, -EINVAL, "name", name, "too long: 127 bytes at most");
	name_decode(name, ret, BP_NAME_SIZE);
	return 0;
}

int uuid_mangle(struct bp_ctx *ctx, const char *uuid, char ret[static BP_UUID_SIZE])
{
	int r = name_encode(uuid, ret, BP_UUID_SIZE);

	return r < 0 ? fail_encode(ctx, r, "uuid", uuid, BP_UUID_SIZE) : 0;
}

/* A slash makes it a path, "N:N" a number; all else is a name. */
void bp_selector_parse(const char *text, struct bp_selector *ret)
{
	unsigned major, minor;
	int end = 0;

	*ret = (struct bp_selector){ 0 };
	if (strchr(text, '/'))
		ret->path = text;
	else if (isdigit((unsigned char)text[0]) &&
		 sscanf(text, "%4u:%7u%n", &major, &minor, &end) == 2 && !text[end])
		*ret = (struct bp_selector){ .major = major, .minor = minor };
	else
		ret->name = text;
}

/* --- names that say what they are --- */

/* LVM writes VG-LV[-LAYER], with the hyphens of each part doubled. */
static const char *lvm_part(const char *name, char *ret)
{
	size_t n = 0;

	while (*name && !(name[0] == '-' && name[1] != '-')) {
		if (name[0] == '-')
			name++;
		ret[n++] = *name++;
	}
	ret[n] = '\0';
	return *name ? name + 1 : name;
}

/* A uuid begins with its maker's word and a hyphen; "partN-" is kpartx's, in front of another.
 */
static void subsystem_of(const char *uuid, char *ret)
{
	size_t len = uuid ? strcspn(uuid, "-") : 0;

	ret[0] = '\0';
	if (!len || !uuid[len] || len >= BP_NAME_SIZE)
		return;
	if (strncmp(uuid, "part", 4) == 0)
		len = 4;
	memcpy(ret, uuid, len);
	ret[len] = '\0';
}

/* LVM doubles dashes inside of names and puts single ones between: "vg-lv-layer". */
int bp_name_split(struct bp_ctx *ctx, const char *name, const char *subsystem, const char *uuid,
		  struct bp_name_parts *ret)
{
	struct bp_name_parts parts = { 0 };
	char plain_name[BP_NAME_SIZE];
	const char *rest;
	int r = bp_name_unmangle(ctx, name, plain_name);

	if (r < 0)
		return r;
	if (subsystem)
		snprintf(parts.subsystem, sizeof(parts.subsystem), "%s", subsystem);
	else if (!uuid && *lvm_part(plain_name, parts.vg))
		strcpy(parts.subsystem, "LVM"); /* VG-LV: so other programs take it */
	else
		subsystem_of(uuid, parts.subsystem);
	parts.vg[0] = '\0';
	if (streq(parts.subsystem, "LVM")) {
		rest = lvm_part(plain_name, parts.vg);
		rest = lvm_part(rest, parts.lv);
		snprintf(parts.layer, sizeof(parts.layer), "%s", rest);
	} else {
		strcpy(parts.lv, plain_name);
	}
	*ret = parts;
	return 0;
}
