/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cookies: what udev's rules call at each event, and what scripts group operations with. As
 * libdevmapper has it, completing and waiting are nothing where no udev runs.
 */
#include "commands/dmsetup/dmsetup.h"

#include <ctype.h>
#include <time.h>

#define COOKIE_MAGIC 0x0d4du

/* 0 is no cookie, and the sign of a failure. */
uint32_t cookie_parse(struct front *f, const char *text)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || !value || *end || value > UINT32_MAX) {
		say(f, "Incorrect cookie value.");
		return 0;
	}
	return (uint32_t)value;
}

static bool udev_runs(struct front *f)
{
	struct bp_udev_state state;

	return bp_udev_probe(f->ctx, &state) == 0 && state.runs;
}

/* The upper half of a cookie, as the rules of udev want it in their environment. */
int verb_udevflags(struct front *f, int argc, char **argv)
{
	static const char *const names[] = {
		"DISABLE_DM_RULES",   "DISABLE_SUBSYSTEM_RULES",
		"DISABLE_DISK_RULES", "DISABLE_OTHER_RULES",
		"LOW_PRIORITY",       "DISABLE_LIBRARY_FALLBACK",
		"PRIMARY_SOURCE",
	};
	uint32_t cookie = cookie_parse(f, argv[0]);

	(void)argc;
	for (unsigned i = 0; i < 16; i++) {
		if (!(cookie >> (16 + i) & 1))
			continue;
		if (i < ARRAY_SIZE(names))
			fprintf(f->out, "DM_UDEV_%s_FLAG='1'\n", names[i]);
		else if (i < 8)
			fprintf(f->out, "DM_UDEV_FLAG%u='1'\n", i);
		else
			fprintf(f->out, "DM_SUBSYSTEM_UDEV_FLAG%u='1'\n", i - 8);
	}
	return cookie ? 0 : -1;
}

/* Sentences for a cookie that can't be used. Returns -1. */
static int no_cookie(struct front *f, uint32_t cookie, int r)
{
	if (r == -EINVAL)
		return say(f,
			   "Could not continue to access notification semaphore identified by "
			   "cookie value %u (0x%x). Incorrect cookie prefix.",
			   cookie, cookie);
	if (r == -ENOENT)
		return say(f,
			   "Could not find notification semaphore identified by cookie value "
			   "%u (0x%x)",
			   cookie, cookie);
	return say(f,
		   "Failed to access notification semaphore identified by cookie value %u "
		   "(0x%x): %s",
		   cookie, cookie, strerror(-r));
}

int verb_udevcomplete(struct front *f, int argc, char **argv)
{
	uint32_t cookie = cookie_parse(f, argv[0]);
	int r;

	(void)argc;
	if (!cookie)
		return -1;
	fprintf(f->out, "DM_COOKIE_COMPLETED=0x%-10x\n", cookie);
	/* One of flags only: nobody waits. */
	if (!(cookie & 0xffff) || !udev_runs(f))
		return 0;
	cookie = COOKIE_MAGIC << 16 | (cookie & 0xffff);
	r = bp_cookie_complete(f->ctx, cookie);
	return r < 0 ? no_cookie(f, cookie, r) : 0;
}

/* Without udev there is nobody to complete it: nothing is made and nothing printed. */
int verb_udevcreatecookie(struct front *f, int argc, char **argv)
{
	uint32_t cookie;
	int r;

	(void)argc;
	(void)argv;
	if (!udev_runs(f))
		return 0;
	r = bp_cookie_create(f->ctx, &cookie);
	if (r < 0)
		return say(f, "Failed to create notification semaphore: %s", strerror(-r));
	fprintf(f->out, "0x%08X\n", cookie);
	return 0;
}

/* By the operand, or --udevcookie. */
int verb_udevreleasecookie(struct front *f, int argc, char **argv)
{
	int r;

	if (argc)
		f->cookie = cookie_parse(f, argv[0]);
	if (argc && !f->cookie)
		return -1;
	if (!f->cookie)
		return say(f, "No udev transaction cookie given.");
	if (!udev_runs(f))
		return 0;
	r = bp_cookie_release(f->ctx, f->cookie, -1);
	return r < 0 ? no_cookie(f, f->cookie, r) : 0;
}

/* Answers up to the end of input; the end is a no. */
static bool confirmed(struct front *f)
{
	int c = 0, answer = 0;

	do {
		if (c == '\n' || !c)
			fputs("Do you really want to continue? [y/n]: ", f->out);
		c = getchar();
		if (c == EOF)
			answer = 'n';
		else if (tolower(c) == 'y' || tolower(c) == 'n')
			answer = tolower(c);
	} while (c != EOF && (!answer || c != '\n'));
	if (c != '\n')
		fputc('\n', f->out);
	return answer == 'y';
}

/* Asks first: processes may wait for them. */
int verb_udevcomplete_all(struct front *f, int argc, char **argv)
{
	struct bp_cookie_list *list;
	size_t count = 0, destroyed = 0;
	unsigned age = 0;
	char older[48] = " ";
	int r;

	if (argc && sscanf(argv[0], "%u", &age) != 1)
		return say(f, "Failed to read age_in_minutes parameter.");
	if (age)
		snprintf(older, sizeof(older), " older than %u minutes ", age);
	if (!f->args.yes) {
		say(f,
		    "WARNING: This operation will destroy all semaphores%s"
		    "with keys that "
		    "have a prefix %u (0x%x).",
		    older, COOKIE_MAGIC, COOKIE_MAGIC);
		if (!confirmed(f)) {
			fprintf(f->out,
				"Semaphores with keys prefixed by %u (0x%x) NOT destroyed.\n",
				COOKIE_MAGIC, COOKIE_MAGIC);
			return 0;
		}
	}
	r = bp_cookie_list(f->ctx, &list);
	if (r == 0) {
		count = bp_cookie_list_count(list);
		bp_cookie_list_free(list);
		r = bp_cookie_destroy_old(f->ctx, (int64_t)age * 60, &destroyed);
	}
	if (r < 0)
		return say(f, "%s", bp_errmsg(f->ctx));
	fprintf(f->out,
		"%zu semaphores with keys prefixed by %u (0x%x) destroyed. %zu skipped.\n",
		destroyed, COOKIE_MAGIC, COOKIE_MAGIC,
		count > destroyed ? count - destroyed : 0);
	return 0;
}

/* As ctime() has it, without its newline. */
static const char *time_text(int64_t seconds, char *buf)
{
	time_t t = (time_t)seconds;

	if (!ctime_r(&t, buf))
		return "unknown";
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* One line a cookie of this system, whoever made it. */
int verb_udevcookies(struct front *f, int argc, char **argv)
{
	struct bp_cookie_list *list;
	int r = bp_cookie_list(f->ctx, &list);

	(void)argc;
	(void)argv;
	if (r < 0)
		return say(f, "%s", bp_errmsg(f->ctx));
	fputs("Cookie       Semid      Value      Last semop time           Last change time\n",
	      f->out);
	for (size_t i = 0; i < bp_cookie_list_count(list); i++) {
		const struct bp_cookie *cookie = bp_cookie_list_get(list, i);
		char changed[32], made[32];

		fprintf(f->out, "0x%-10x %-10d %-10u %s  %s\n", cookie->value, cookie->semid,
			cookie->count, time_text(cookie->changed_s, changed),
			time_text(cookie->made_s, made));
	}
	bp_cookie_list_free(list);
	return 0;
}
