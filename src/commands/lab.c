/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bedplate lab run: a command as root of a kernel of its own, without privileges. */
#include "lab/lab.h"
#include "cli/out.h"
#include "commands/junit.h"
#include "commands/text_out.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB              (UINT64_C(1) << 20)
#define FS_LETTERS       "abcdefghijklmnopqrstuvwxyz0123456789"
#define KERNEL_HEAD      1024
#define BZIMAGE_MAGIC_AT 0x202 /* Linux, Documentation/arch/x86/boot.rst */

struct args {
	struct cli_list disks, mounts, command;
	const char *kernel, *fs;
	uint64_t mem_bytes, cpus, timeout_s;
	const char *keep_log, *junit;
	bool private_tmp;
};

static const struct args defaults = {
	.kernel = "uml",
	.cpus = 2,
};

/* clang-format off */
#define LAB_OPTS \
	OPT_LIST(disks, 'd', "disk", "SIZE|FILE[=SIZE]", "a scratch disk, or a file (with a '/') as a disk, with a size made where it is not there; again for more (default: two of 1G)"), \
	OPT_STRING(fs, 0, "fs", "TYPE", "make this file system on each disk that is empty"), \
	OPT_LIST(mounts, 0, "mount", "DIR", "mount the first disk there; again: the next"), \
	OPT_SIZE(mem_bytes, MIB, 'm', "mem", "SIZE", "the guest's memory, bare: MiB (default: 256M; qemu: 1G)"), \
	OPT_RANGE(timeout_s, 0, 1000000, 't', "timeout", "SECONDS", "end the command after so long, with status 124"), \
	OPT_STRING(kernel, 'k', "kernel", "KIND|FILE", "uml: a user-mode kernel (default); qemu: an emulated machine; or a kernel's file (with a '/')"), \
	OPT_RANGE(cpus, 1, 64, 0, "cpus", "N", "processors of the emulated machine (default: 2)"), \
	OPT_FLAG(private_tmp, 0, "private-tmp", "a /tmp of the guest's own, in its memory"), \
	OPT_STRING(keep_log, 0, "keep-log", "FILE", "write the guest's kernel log there"), \
	OPT_STRING(junit, 0, "junit", "FILE", "write how it ended as JUnit's XML")

static const struct cmd_opt opts[] = {
	LAB_OPTS,
	OPT_REST(command, "COMMAND", "what to run, with its arguments"),
	OPT_END
};

static const struct cmd_opt shell_opts[] = {
	LAB_OPTS,
	OPT_END
};
/* clang-format on */

/* What the command wrote, kept for --json and --junit. */
struct kept {
	struct cli *cli;
	bool junit; /* for that too */
	FILE *file[2];
	char *text[2];
	size_t len[2];
};

static void kept_done(struct kept *kept)
{
	for (int i = 0; i < 2; i++) {
		cli_text_end(kept->file[i], &kept->text[i]);
		free(kept->text[i]);
	}
}

static int kept_init(struct kept *kept)
{
	for (int i = 0; i < 2; i++) {
		kept->file[i] = open_memstream(&kept->text[i], &kept->len[i]);
		if (!kept->file[i])
			return -ENOMEM;
	}
	return 0;
}

static int take_output(void *user, int fd, const char *text, size_t len)
{
	struct kept *kept = user;
	FILE *to = kept->cli->json ? kept->file[fd - 1]
		   : fd == 1       ? kept->cli->out
				   : kept->cli->err;

	if (kept->junit && !kept->cli->json)
		fwrite(text, 1, len, kept->file[fd - 1]); /* to memory */
	if (fwrite(text, 1, len, to) != len || fflush(to) != 0)
		return -errno;
	return 0;
}

/* Anything without a slash was meant as a size. */
static int read_size(struct cli *cli, const char *word, struct lab_disk *ret)
{
	int r = bp_size_parse(cli->ctx, word, 1, 0, &ret->size_bytes);

	if (r < 0)
		return cli_usage(cli, "--disk: %s", bp_errmsg(cli->ctx));
	if (ret->size_bytes < BP_SECTOR_BYTES || ret->size_bytes > INT64_MAX)
		return cli_usage_hint(cli, "a file as a disk is named by a path with a '/'",
				      "--disk: '%s' is no size for a disk", word);
	return EXIT_OK;
}

/* "./image=1G", which need not be there. */
static int read_image(struct cli *cli, const char *word, struct lab_disk *ret)
{
	const char *size = strrchr(word, '=');
	struct stat st;

	if (stat(word, &st) != 0) {
		if (errno != ENOENT || !size || strchr(size, '/'))
			return cli_failr(cli, -errno, word, NULL, "%s", strerror(errno));
		ret->path = strndup(word, (size_t)(size - word));
		return ret->path ? read_size(cli, size + 1, ret)
				 : cli_failr(cli, -ENOMEM, NULL, NULL, "out of memory");
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return cli_failf(cli, word, NULL, "neither a file nor a block device: no disk");
	ret->path = strdup(word);
	if (!ret->path)
		return cli_failr(cli, -ENOMEM, NULL, NULL, "out of memory");
	if (S_ISREG(st.st_mode) && st.st_size < (off_t)BP_SECTOR_BYTES)
		return cli_failf(cli, word, NULL, "smaller than a sector");
	return EXIT_OK;
}

/* "--disk 1G" or "--disk ./image": a word with a slash is a file. */
static int read_disk(struct cli *cli, const char *word, struct lab_disk *ret)
{
	return strchr(word, '/') ? read_image(cli, word, ret) : read_size(cli, word, ret);
}

/* Two scratch disks where none are given: most stacks need two. */
static int read_disks(struct cli *cli, const struct args *args, struct lab_disk *disks,
		      size_t *ret_count)
{
	int r;

	if (args->disks.count > LAB_DISKS_MAX)
		return cli_usage(cli, "--disk: the guest has at most %u disks", LAB_DISKS_MAX);
	for (size_t i = 0; i < args->disks.count; i++) {
		r = read_disk(cli, args->disks.words[i], &disks[i]);
		if (r != EXIT_OK)
			return r;
	}
	*ret_count = args->disks.count;
	if (*ret_count == 0) {
		disks[0].size_bytes = disks[1].size_bytes = 1024 * MIB;
		*ret_count = 2;
	}
	return EXIT_OK;
}

/* What neither the log nor the report may replace: NULL at the end; the kernel, the disks, the other. */
struct kept_apart {
	const char *paths[LAB_DISKS_MAX + 3];
	size_t count;
};

static void keep_apart(const struct lab_opts *lab, struct kept_apart *ret)
{
	*ret = (struct kept_apart){ .count = 0 };
	if (lab->kernel_file)
		ret->paths[ret->count++] = lab->kernel_file;
	for (size_t i = 0; i < lab->nr_disks; i++)
		if (lab->disks[i].path)
			ret->paths[ret->count++] = lab->disks[i].path;
}

/*
 * Refused before the guest starts, for its disks may be all there is of somebody's data. What is not there
 * yet is known by its name only: text_put() looks again when it writes.
 */
static int check_outputs(struct cli *cli, const struct args *args, const struct lab_opts *lab)
{
	struct kept_apart apart;
	int r = EXIT_OK;

	keep_apart(lab, &apart);
	if (args->keep_log)
		r = text_put(cli, args->keep_log, apart.paths, NULL);
	if (r == EXIT_OK && args->keep_log && args->junit && streq(args->keep_log, args->junit))
		return cli_usage(cli, "--keep-log and --junit are one file: %s", args->junit);
	apart.paths[apart.count] = args->keep_log;
	if (r == EXIT_OK && args->junit)
		r = text_put(cli, args->junit, apart.paths, NULL);
	return r;
}

static int keep_log(struct cli *cli, const char *path, const struct lab_opts *lab,
		    const struct lab_result *result)
{
	struct kept_apart apart;

	keep_apart(lab, &apart);
	return text_put(cli, path, apart.paths, result->kernel_log ? result->kernel_log : "");
}

/* clang-format off */
static const struct out_column columns[] = {
	DOC("exit_status", OUT_NUMBER, "the command's, or the lab's own"),
	DOC("elapsed_ms", OUT_NUMBER, "from the guest's start to its end"),
	DOC("failure", OUT_TEXT, "why the command did not run to its end"),
	DOC("hint", OUT_TEXT, "what to do about that"),
	DOC("stdout", OUT_TEXT, "its output"),
	DOC("stderr", OUT_TEXT, "its error output"),
	DOC("kernel_log", OUT_TEXT, "the guest kernel's"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.lab-run", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* Output is text with a length: a NUL in it does not end it. */
static int print_json(struct cli *cli, const struct lab_result *result, struct kept *kept)
{
	struct bp_json *json;
	int r;

	for (int i = 0; i < 2; i++)
		fflush(kept->file[i]);
	r = cli_json_start(cli, &schema, &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_int(json, "exit_status", result->exit_status);
	bp_json_int(json, "elapsed_ms", result->ms);
	bp_json_string(json, "failure", result->why[0] ? result->why : NULL);
	bp_json_string(json, "hint", result->hint[0] ? result->hint : NULL);
	bp_json_string_len(json, "stdout", kept->text[0], kept->len[0]);
	bp_json_string_len(json, "stderr", kept->text[1], kept->len[1]);
	bp_json_string(json, "kernel_log", result->kernel_log);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* One case, by the command's first word. */
static int write_junit(struct cli *cli, const struct args *args, const struct lab_opts *lab,
		       const struct lab_result *result, struct kept *kept)
{
	struct kept_apart apart;
	bool failed = result->exit_status != 0;
	char why[64];
	struct junit junit;
	int r = junit_begin(cli, "bedplate lab run", 1, failed, &junit);

	if (r != EXIT_OK)
		return r;
	for (int i = 0; i < 2; i++)
		fflush(kept->file[i]);
	snprintf(why, sizeof(why), "exit status %d", result->exit_status);
	junit_case(junit.f,
		   &(struct junit_case){
			   .class_name = args->kernel,
			   .name = args->command.count ? args->command.words[0] : "shell",
			   .failure = !failed          ? NULL
				      : result->why[0] ? result->why
						       : why,
			   .ms = result->ms,
			   .out = kept->text[0],
			   .out_len = kept->len[0],
			   .err = kept->text[1],
			   .err_len = kept->len[1],
		   });
	keep_apart(lab, &apart);
	apart.paths[apart.count] = args->keep_log;
	return junit_end(cli, &junit, args->junit, apart.paths);
}

/* Everything but the command's own output. Return: the exit status. */
static int report(struct cli *cli, const struct args *args, const struct lab_opts *lab,
		  const struct lab_result *result, struct kept *kept)
{
	int r = EXIT_OK;

	if (result->console_tail && !cli->json)
		fprintf(cli->err, "%s\n", result->console_tail);
	if (args->keep_log)
		r = keep_log(cli, args->keep_log, lab, result);
	if (r == EXIT_OK && args->junit)
		r = write_junit(cli, args, lab, result, kept);
	if (r == EXIT_OK && cli->json)
		r = print_json(cli, result, kept);
	else if (r == EXIT_OK && result->why[0])
		cli_failf(cli, NULL, result->hint[0] ? result->hint : NULL, "%s", result->why);
	return r == EXIT_OK ? result->exit_status : LAB_EXIT_FAILED;
}

/* The command's words, and a NULL. */
static const char **read_command(const struct cli_list *list)
{
	const char **argv = calloc(list->count + 1, sizeof(*argv));

	if (argv && list->count)
		memcpy(argv, list->words, list->count * sizeof(*argv));
	return argv;
}

static void disks_done(struct lab_disk *disks)
{
	for (size_t i = 0; i < LAB_DISKS_MAX; i++)
		free((void *)(uintptr_t)disks[i].path);
}

/* "uml", "qemu", or a file, which tells by its beginning which of both it is for. */
static int read_kernel(struct cli *cli, const char *word, struct lab_opts *lab)
{
	char head[KERNEL_HEAD] = "";
	struct stat st;
	FILE *file;

	lab->kernel = streq(word, "qemu") ? LAB_QEMU : LAB_UML;
	if (streq(word, "qemu") || streq(word, "uml"))
		return EXIT_OK;
	if (!strchr(word, '/'))
		return cli_usage_hint(cli, "a kernel's file is named by a path with a '/'",
				      "--kernel: '%s' is none of uml, qemu", word);
	/* A FIFO would be waited for, and two programs read what is named here. */
	if (stat(word, &st) == 0 && !S_ISREG(st.st_mode))
		return cli_failf(cli, word, NULL, "it is no file: no kernel can be read there");
	file = fopen(word, "re");
	if (!file)
		return cli_failr(cli, -errno, word, NULL, "%s", strerror(errno));
	(void)!fread(head, 1, sizeof(head), file);
	fclose(file);
	lab->kernel_file = word;
	if (memcmp(head, "\177ELF", 4) == 0)
		return EXIT_OK;
	lab->kernel = LAB_QEMU;
	return memcmp(head + BZIMAGE_MAGIC_AT, "HdrS", 4) == 0
		       ? EXIT_OK
		       : cli_failf(cli, word, "'linux' of a user-mode build, or bzImage",
				   "it is no kernel that the lab can start");
}

/* Mount points go to the disks in order. */
static int read_file_systems(struct cli *cli, const struct args *args, struct lab_opts *lab)
{
	lab->fs = args->fs;
	lab->mounts = args->mounts.words;
	lab->nr_mounts = args->mounts.count;
	if (lab->fs && (!*lab->fs || strspn(lab->fs, FS_LETTERS) != strlen(lab->fs)))
		return cli_usage(cli, "--fs: '%s' is no file system's name", lab->fs);
	if (lab->nr_mounts > lab->nr_disks)
		return cli_usage(cli, "--mount: there are only %zu disks", lab->nr_disks);
	for (size_t i = 0; i < lab->nr_mounts; i++) {
		if (lab->mounts[i][0] != '/')
			return cli_usage(cli, "--mount: '%s' does not begin with a slash",
					 lab->mounts[i]);
		if (!lab->disks[i].path && !lab->fs)
			return cli_usage(
				cli, "--mount: a scratch disk has no file system without --fs");
	}
	return EXIT_OK;
}

/* User-mode Linux needs less memory than a machine: 256 MiB and 1 GiB. */
static int read_lab(struct cli *cli, const struct args *args, struct lab_opts *lab)
{
	int r = read_kernel(cli, args->kernel, lab);

	lab->mem_bytes = args->mem_bytes;
	lab->cpus = (unsigned)args->cpus;
	lab->timeout_s = (unsigned)args->timeout_s;
	lab->private_tmp = args->private_tmp;
	if (!lab->mem_bytes && !cli_given(cli, "mem"))
		lab->mem_bytes = lab->kernel == LAB_UML ? 256 * MIB : 1024 * MIB;
	if (r == EXIT_OK && lab->mem_bytes < 64 * MIB)
		return cli_usage(cli, "--mem: less than 64M is not enough for a kernel");
	if (r == EXIT_OK)
		r = read_disks(cli, args, lab->disks, &lab->nr_disks);
	if (r == EXIT_OK)
		r = read_file_systems(cli, args, lab);
	return r == EXIT_OK ? check_outputs(cli, args, lab) : r;
}

/*
 * Scratch disks are removed before we end, also when by a signal; then we end by the same,
 * so that the caller sees it.
 */
static int run_in_lab(struct cli *cli, const struct args *args, struct lab_opts *lab)
{
	_cleanup_(kept_done) struct kept kept = { .cli = cli, .junit = args->junit };
	struct lab_disk disks[LAB_DISKS_MAX] = { 0 };
	struct lab_result result;
	int r;

	if (kept_init(&kept) < 0)
		return cli_failr(cli, -ENOMEM, NULL, NULL, "out of memory");
	lab->disks = disks;
	lab->output = take_output;
	lab->user = &kept;
	r = read_lab(cli, args, lab);
	if (r != EXIT_OK) { /* the command never ran: not to be taken for its status */
		disks_done(disks);
		return r == EXIT_USAGE ? r : LAB_EXIT_FAILED;
	}

	signal(SIGPIPE, SIG_IGN); /* the guest must be ended, and its files removed */
	lab_run(lab, &result);
	r = report(cli, args, lab, &result, &kept);
	disks_done(disks);
	if (result.signal) { /* end as if by it, now that all is cleaned up */
		signal(result.signal, SIG_DFL);
		raise(result.signal);
	}
	lab_result_done(&result);
	return r;
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(freep) const char **argv = read_command(&args->command);
	struct lab_opts lab = { .argv = argv };

	if (!argv)
		return cli_failr(cli, -ENOMEM, NULL, NULL, "out of memory");
	if (args->command.count == 0)
		return cli_usage_hint(cli, "'bedplate lab shell' starts a shell",
				      "COMMAND is missing");
	return run_in_lab(cli, args, &lab);
}

/* script(1) gives the shell a terminal of the guest; ours passes on what is typed. */
static int run_shell(struct cli *cli, const void *p)
{
	static const char start[] = "exec \"${SHELL:-/bin/sh}\"";
	const char *const plain[] = { "/bin/sh", "-c", start, NULL };
	_cleanup_(freep) char *sized = NULL;
	struct lab_opts lab = { .argv = plain };
	struct winsize size;

	if (cli->json)
		return cli_usage(cli, "--json: a shell prints no document");
	if (isatty(STDIN_FILENO) && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		if (asprintf(&sized, "stty rows %u cols %u; %s", size.ws_row, size.ws_col,
			     start) < 0)
			return cli_failr(cli, -ENOMEM, NULL, NULL, "out of memory");
		lab.argv = (const char *const[]){ "script", "-qefc", sized, "/dev/null", NULL };
		lab.terminal = true;
		return run_in_lab(cli, p, &lab);
	}
	return run_in_lab(cli, p, &lab);
}

const struct cmd cmd_lab = {
	.name = "lab run",
	.group = "Lab",
	.summary = "Run a command as root of a kernel of its own, without privileges.",
	.examples = "  bedplate lab run -- bedplate create d --table '0 8 zero'\n",
	.detail = "The current directory and all programs are those of this machine; scratch "
		  "disks "
		  "are named\nby the variables LAB_DISK0, LAB_DISK1 ... The exit status is the "
		  "command's, but for 124: time is up,\nand 125: the lab itself failed.\n",
	.exits = "that of the command; 124 time is up, 125 the lab itself failed",
	.opts = opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.schemas = SCHEMAS(&schema),
	.run = run,
};

const struct cmd cmd_lab_shell = {
	.name = "lab shell",
	.group = "Lab",
	.summary = "Start a shell as root of a kernel of its own.",
	.examples = "  bedplate lab shell -d 10G --kernel qemu\n",
	.detail = "As 'lab run', with the shell that SHELL names; its end is the guest's.\n",
	.exits = "that of the shell; 124 time is up, 125 the lab itself failed",
	.opts = shell_opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.run = run_shell,
};
