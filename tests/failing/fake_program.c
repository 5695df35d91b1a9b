/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program with all its commands on the kernel in memory: "fake_program SETUP WORD..." carries out the lines of the file
 * SETUP, whose output goes nowhere, then the command WORD. In SETUP "!disk PATH MAJOR:MINOR SIZE", "!open DEVICE",
 * "!mode POOL MODE", "!written VOLUME SECTORS", "!absent", "!dirty N STEP" and "!vdo STATS CONFIG" (files) do what another part of the system would do; all else is a
 * command, words parted by blanks, 'so' for those with blanks. The environment:
 *
 *   FAKE_FAIL=N    the N-th call of the kernel that the command makes fails with EIO, or FAKE_ERRNO; "struck" goes to FAILING_STRUCK
 *   FAKE_SIGNAL=N  SIGTERM comes after the N-th request; likewise
 *   FAKE_STATE     what the kernel holds is written to the file "state", and what it held before to "state.before"
 */
#include "cli/cli.h"

#include "commands/command_list.h"
#include "fake/ops_fake.h"

#include <signal.h>

#define DECLARE(name) extern const struct cmd cmd_##name;
COMMANDS(DECLARE)

#define ROW(name) &cmd_##name,
const struct cmd *const commands[] = { COMMANDS(ROW) NULL };

#define WORDS 64

/* Of the preloaded library, where it is. */
void failing_on(int now) __attribute__((weak));

static struct bp_ctx *keeper; /* as long as it lives the kernel does */
static struct fake *kernel;

int __real_bp_ctx_new(struct bp_ctx **ret);
int __wrap_bp_ctx_new(struct bp_ctx **ret);

/* Each context of the program has this kernel. */
int __wrap_bp_ctx_new(struct bp_ctx **ret)
{
	int r = __real_bp_ctx_new(ret);

	if (r == 0 && fake_share(*ret, kernel) < 0)
		abort();
	return r;
}

static const char *dm_op_name(int op)
{
#define NAME(op, name, ioctl, traits) name,
	static const char *const names[] = { DM_OPS(NAME) };

	return names[op];
}

static void switch_on(int now)
{
	if (failing_on)
		failing_on(now);
}

/* --- the setup --- */

/* Return: how many words; they point into @line. */
static int split(char *line, char **words)
{
	int n = 0;

	for (char *p = line; *p && n < WORDS - 1; n++) {
		p += strspn(p, " \n");
		if (!*p)
			break;
		bool quoted = *p == '\'';
		words[n] = p + quoted;
		p = words[n] + strcspn(words[n], quoted ? "'" : " \n");
		if (*p)
			*p++ = '\0';
	}
	words[n] = NULL;
	return n;
}

static bool vdo_answers(const char *stats, const char *config)
{
	char text[2][8192];
	const char *const paths[] = { stats, config };

	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(paths[i], "r");

		if (!file)
			return false;
		text[i][fread(text[i], 1, sizeof(text[i]) - 1, file)] = '\0';
		fclose(file);
	}
	fake_vdo(kernel, text[0], text[1]);
	return true;
}

static bool directive(char **words, int n)
{
	unsigned major = 0, minor = 0;

	if (n == 4 && strcmp(words[0], "!disk") == 0 &&
	    sscanf(words[2], "%u:%u", &major, &minor) == 2)
		return fake_add_bdev(kernel, words[1], major, minor,
				     strtoull(words[3], NULL, 10)) == 0;
	if (n == 2 && strcmp(words[0], "!open") == 0)
		return fake_open(kernel, words[1], 1, BP_HOLDER_PROCESS), true;
	if (n == 3 && strcmp(words[0], "!mode") == 0)
		return fake_pool_mode(kernel, words[1], words[2]), true;
	if (n == 3 && strcmp(words[0], "!written") == 0)
		return fake_written(kernel, words[1], strtoull(words[2], NULL, 10)), true;
	if (n == 3 && strcmp(words[0], "!dirty") == 0)
		return fake_cache_dirty(kernel, (unsigned)atoi(words[1]),
					(unsigned)atoi(words[2])),
		       true;
	if (n == 3 && strcmp(words[0], "!vdo") == 0)
		return vdo_answers(words[1], words[2]);
	if (n == 1 && strcmp(words[0], "!absent") == 0)
		return fake_absent(kernel, ENOENT), true;
	return false;
}

static int command(int argc, char **argv, FILE *out, FILE *err)
{
	struct cli cli = { .out = out, .err = err };

	return cli_main(&cli, argc, argv);
}

static int setup(const char *path)
{
	char program[] = "bedplate", line[1024], *words[WORDS];
	FILE *file = fopen(path, "r"), *nowhere = fopen("/dev/null", "w");
	int r = file && nowhere ? 0 : 1;

	words[0] = program;
	while (r == 0 && fgets(line, sizeof(line), file)) {
		int n = split(line, words + 1);

		if (n == 0 || words[1][0] == '#')
			continue;
		if (words[1][0] == '!')
			r = directive(words + 1, n) ? 0 : 1;
		else
			r = command(n + 1, words, nowhere, stderr);
		if (r)
			fprintf(stderr, "%s: %s: %d\n", path, words[1], r);
	}
	if (file)
		fclose(file);
	if (nowhere)
		fclose(nowhere);
	return r;
}

/* --- the command --- */

static void write_state(const char *name)
{
	char *text = fake_dump(kernel);
	FILE *file = fopen(name, "w");

	if (!file || !text || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
	free(text);
}

static void disturb(void)
{
	const char *fail = getenv("FAKE_FAIL"), *number = getenv("FAKE_SIGNAL"),
		   *errnum = getenv("FAKE_ERRNO");

	if (fail)
		fake_fail(kernel, FAKE_ANY, (unsigned)atoi(fail), errnum ? atoi(errnum) : EIO);
	if (number)
		fake_signal(kernel, (unsigned)atoi(number), SIGTERM);
}

static void tell_struck(void)
{
	const char *path = getenv("FAILING_STRUCK");
	FILE *file;

	if (!path || !(fake_failed(kernel) || fake_disturbed(kernel)))
		return;
	file = fopen(path, "w");
	if (!file)
		return;
	if (fake_failed(kernel) && fake_failed_kind(kernel) < OPS)
		fprintf(file, "%s", dm_op_name(fake_failed_kind(kernel)));
	else if (fake_failed(kernel))
		fprintf(file, "system call %d", fake_failed_kind(kernel) - OPS);
	fclose(file);
}

int main(int argc, char **argv)
{
	int r;

	switch_on(0);
	unsetenv("DM_DEV_DIR");
	if (argc < 3 || __real_bp_ctx_new(&keeper) < 0 || fake_new(keeper, &kernel) < 0)
		return 99;
	if (setup(argv[1]) != 0)
		return 99;
	if (getenv("FAKE_STATE"))
		write_state("state.before");
	disturb();
	argv[1] = argv[0];
	switch_on(1);
	r = command(argc - 1, argv + 1, stdout, stderr);
	switch_on(0);
	tell_struck();
	fake_fail(kernel, FAKE_ANY, 0, 0);
	if (getenv("FAKE_STATE"))
		write_state("state");
	bp_ctx_free(keeper);
	return r;
}
