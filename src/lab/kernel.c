/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two kernels of the lab: where they are, how they are started, why they die. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/util.h"
#include "lab/lab.h"

#define CPUINFO_MOST 16384                  /* flags are in the first kilobytes */
#define UML_MODULES  "/usr/lib/uml/modules" /* where Debian's package keeps them */

/* One more word of the command line. A failure is found at the end, as a reason in the result.
 */
static void add_arg(struct lab *lab, const char *fmt, ...) _printf_(2, 3);

/* No memory, or too many: told at the end by lab->result->why. */
static void add_arg(struct lab *lab, const char *fmt, ...)
{
	va_list args;
	char *text;
	int r;

	va_start(args, fmt);
	r = vasprintf(&text, fmt, args);
	va_end(args);
	if (r < 0) {
		lab_why(lab, "out of memory");
	} else if (lab->nr_args == LAB_ARGS_MAX) {
		free(text);
		lab_why(lab, "the kernel's command line is too long");
	} else {
		lab->args[lab->nr_args++] = text;
	}
}

/* Several, separated by a blank each. */
static void add_words(struct lab *lab, const char *words)
{
	while (*words) {
		size_t len = strcspn(words, " ");

		add_arg(lab, "%.*s", (int)len, words);
		words += len + (words[len] == ' ');
	}
}

static const char *env_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/* Is there a program @name, a path or something in PATH? */
static bool have_program(const char *name)
{
	const char *path = env_or("PATH", "/usr/bin:/bin");
	char full[4096];

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	for (;; path++) {
		size_t len = strcspn(path, ":");

		snprintf(full, sizeof(full), "%.*s/%s", (int)len, path, name);
		if (access(full, X_OK) == 0)
			return true;
		path += len;
		if (!*path)
			return false;
	}
}

/* What must be there for a kernel, and which package (of Debian) has it. */
struct need {
	const char *program, *package;
};

/* Before anything is made. */
static int check_needs(struct lab *lab, const char *what, const struct need *needs,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (have_program(needs[i].program))
			continue;
		lab_why(lab, "%s needs '%s', which is not installed", what, needs[i].program);
		return lab_hint(lab, "install the package %s (apt-get install %s)",
				needs[i].package, needs[i].package);
	}
	return 0;
}

/*
 * The guest's memory is a file that is mapped executable. /dev/shm is fastest, where it is
 * large enough (containers have 64 MiB of it, mostly); any file system will do.
 */
static int choose_memory(struct lab *lab)
{
	const char *const places[] = { "/dev/shm", lab->dir, "/var/tmp" };
	char reasons[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct statvfs fs;
		uint64_t room;

		if (statvfs(places[i], &fs) != 0 || access(places[i], W_OK | X_OK) != 0)
			continue;
		room = (uint64_t)fs.f_bavail * fs.f_frsize;
		if (!(fs.f_flag & ST_NOEXEC) && room >= lab->opts->mem_bytes) {
			snprintf(lab->memory, sizeof(lab->memory), "%s", places[i]);
			return 0;
		}
		len += (size_t)snprintf(reasons + len, sizeof(reasons) - len, "%s%s %s",
					len ? ", " : "", places[i],
					fs.f_flag & ST_NOEXEC ? "is mounted noexec"
							      : "is too small");
	}
	lab_why(lab, "no place for the guest's memory of %llu MiB: %s",
		(unsigned long long)(lab->opts->mem_bytes >> 20),
		len ? reasons : "no writable directory");
	return lab_hint(lab,
			"set TMPDIR to a directory with room and not mounted noexec, or ask "
			"for less with --mem");
}

static int make_subdir(struct lab *lab, const char *name)
{
	char path[LAB_LONG_PATH];

	snprintf(path, sizeof(path), "%s/%s", lab->dir, name);
	if (mkdir(path, 0755) != 0)
		return lab_why(lab, "cannot make %s: %s", path, strerror(errno));
	return 0;
}

/* A modprobe for the command's PATH, as this machine's has not the guest's modules: they are
 * in lib/modules of @root. */
static int make_modprobe(struct lab *lab, const char *root)
{
	FILE *file;

	if (make_subdir(lab, "bin") < 0)
		return -1;
	file = lab_file_create(lab, "bin/modprobe", 0755);
	if (!file)
		return -1;
	fprintf(file, "#!/bin/sh\nexec /sbin/modprobe -d %s \"$@\"\n", root);
	if (fclose(file) != 0)
		return lab_why(lab, "cannot write the guest's modprobe: %s", strerror(errno));
	return 0;
}

/* Make the package's modules be where modprobe looks. */
static int make_module_root(struct lab *lab)
{
	const char *modules = env_or("LAB_MODULES", UML_MODULES);
	char root[LAB_LONG_PATH], path[LAB_PATH * 3], real[PATH_MAX];

	if (lab->opts->kernel_file && !getenv("LAB_MODULES") && access(modules, F_OK) != 0)
		modules = lab->dir; /* it may have all built in */
	/* Whole: the link to it lies elsewhere than this directory. */
	if (access(modules, R_OK | X_OK) != 0 || !realpath(modules, real)) {
		lab_why(lab, "the user-mode kernel's modules are not in %s", modules);
		return lab_hint(lab, "install the package user-mode-linux (apt-get install "
				     "user-mode-linux), or set LAB_MODULES");
	}
	if (make_subdir(lab, "modules") < 0 || make_subdir(lab, "modules/lib") < 0)
		return -1;
	snprintf(root, sizeof(root), "%s/modules", lab->dir);
	snprintf(path, sizeof(path), "%s/lib/modules", root);
	if (symlink(real, path) != 0)
		return lab_why(lab, "cannot make %s: %s", path, strerror(errno));
	return make_modprobe(lab, root);
}

/*
 * hostfs as root: the guest sees this system's own files. Memory lies in a file: it must
 * fit where TMPDIR is.
 */
static int prepare_uml(struct lab *lab)
{
	const char *uml = lab->opts->kernel_file ? lab->opts->kernel_file
						 : env_or("LAB_UML", "linux.uml");
	const struct need needs[] = {
		{ uml, "user-mode-linux" },
		{ "/sbin/modprobe", "kmod" },
	};

	if (check_needs(lab, "the lab", needs, ARRAY_SIZE(needs)) < 0 ||
	    make_module_root(lab) < 0 || choose_memory(lab) < 0)
		return -1;
	add_arg(lab, "%s", uml);
	add_words(lab, "root=/dev/root rootfstype=hostfs rootflags=/ rw umid=lab con=null "
		       "con0=null,fd:1 ssl=null log_buf_len=4M seccomp=auto");
	add_arg(lab, "mem=%lluK", (unsigned long long)(lab->opts->mem_bytes >> 10));
	add_arg(lab, "uml_dir=%s", lab->dir);
	add_arg(lab, "init=%s/init", lab->dir);
	add_arg(lab, "LAB_DIR=%s", lab->dir); /* becomes a variable of init */
	for (size_t i = 0; i < lab->opts->nr_disks; i++)
		add_arg(lab, "ubd%zu=%s/disk%zu", i, lab->dir, i);
	return lab->result->why[0] ? -1 : 0;
}

/* Where scripts/lab-kernel left the emulated machine's kernel and initramfs. */
static int find_packaged_kernel(struct lab *lab, char dir[static PATH_MAX])
{
	const char *cache = getenv("XDG_CACHE_HOME");
	char path[PATH_MAX + 16];

	if (getenv("LAB_KERNEL_DIR"))
		snprintf(dir, PATH_MAX, "%s", getenv("LAB_KERNEL_DIR"));
	else if (cache && *cache)
		snprintf(dir, PATH_MAX, "%s/bedplate/lab-kernel", cache);
	else
		snprintf(dir, PATH_MAX, "%s/.cache/bedplate/lab-kernel", env_or("HOME", ""));
	snprintf(path, sizeof(path), "%s/initramfs", dir);
	if (access(path, R_OK) == 0)
		return 0;
	lab_why(lab, "no kernel for the emulated machine in %s", dir);
	return lab_hint(lab, "make it with scripts/lab-kernel of bedplate's sources, or set "
			     "LAB_KERNEL_DIR");
}

/* The emulator's options separate their parts by commas; one in a path is written twice. */
static void add_share(struct lab *lab, const char *path, const char *tag, const char *more)
{
	char doubled[2 * PATH_MAX];
	size_t len = 0;

	for (; *path && len < sizeof(doubled) - 2; path++) {
		if (*path == ',')
			doubled[len++] = ',';
		doubled[len++] = *path;
	}
	doubled[len] = '\0';
	add_words(lab, "-virtfs");
	add_arg(lab, "local,path=%s,mount_tag=%s,id=%s,security_model=none,multidevs=remap%s",
		doubled, tag, tag, more);
}

/*
 * Whether the processor can run guests, and we may. Without the flag some hypervisors below offer a
 * /dev/kvm that is none of qemu's: it dies of it, or its guest never starts.
 */
static bool has_kvm(void)
{
	_cleanup_(freep) char *flags = malloc(CPUINFO_MOST);
	_cleanup_(closep) int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = flags && fd >= 0 ? read(fd, flags, CPUINFO_MOST - 1) : 0;

	if (n <= 0 || access("/dev/kvm", R_OK | W_OK) < 0)
		return false;
	flags[n] = '\0';
	return strstr(flags, " vmx") || strstr(flags, " svm");
}

/* qemu takes the first that works. */
static void add_accelerators(struct lab *lab)
{
	const char *wanted = env_or("LAB_ACCEL", has_kvm() ? "kvm" : "tcg");

	if (streq(wanted, "kvm"))
		add_words(lab, "-accel kvm");
	add_words(lab, "-accel tcg,thread=multi");
}

/* Shares are read-only but for the working directory and the run's own. */
static int prepare_qemu(struct lab *lab)
{
	static const struct need needs[] = { { "qemu-system-x86_64", "qemu-system-x86" } };
	char kernel[PATH_MAX], cwd[PATH_MAX];

	if (check_needs(lab, "the emulated machine", needs, ARRAY_SIZE(needs)) < 0 ||
	    find_packaged_kernel(lab, kernel) < 0 || make_modprobe(lab, "/run/modules") < 0)
		return -1;
	if (!getcwd(cwd, sizeof(cwd)))
		return lab_why(lab, "cannot tell the current directory: %s", strerror(errno));
	add_words(lab, "qemu-system-x86_64 -cpu max -nodefaults -no-reboot -display none "
		       "-monitor none -serial chardev:console");
	add_accelerators(lab);
	add_words(lab, "-smp");
	add_arg(lab, "%u", lab->opts->cpus);
	add_words(lab, "-m");
	add_arg(lab, "%lluM", (unsigned long long)(lab->opts->mem_bytes >> 20));
	add_words(lab, "-chardev");
	add_arg(lab, "file,id=console,append=on,path=%s/console", lab->dir);
	add_words(lab, "-kernel");
	if (lab->opts->kernel_file)
		add_arg(lab, "%s", lab->opts->kernel_file);
	else
		add_arg(lab, "%s/vmlinuz", kernel);
	add_words(lab, "-initrd");
	add_arg(lab, "%s/initramfs", kernel);
	add_words(lab, "-append");
	/* An emulated timer that a busy machine is late to serve is no broken one. */
	add_arg(lab, "console=ttyS0 panic=-1 log_buf_len=4M no_timer_check");
	add_share(lab, lab->dir, "lab", "");
	add_share(lab, "/", "host", ",readonly=on");
	add_share(lab, cwd, "cwd", "");
	for (size_t i = 0; i < lab->opts->nr_disks; i++) {
		add_words(lab, "-drive");
		add_arg(lab, "file=%s/disk%zu,if=virtio,format=raw,cache=unsafe,discard=unmap",
			lab->dir, i);
	}
	return lab->result->why[0] ? -1 : 0;
}

int lab_kernel_prepare(struct lab *lab)
{
	return lab->opts->kernel == LAB_UML ? prepare_uml(lab) : prepare_qemu(lab);
}

/* What the console shows when a guest dies of a known cause. */
static const struct {
	const char *text, *why, *hint; /* @why ending in ": " is followed by that line's rest */
} causes[] = {
	{ "ptrace: Operation not permitted",
	  "this system forbids ptrace, which the user-mode kernel needs",
	  "allow it (docker run --cap-add SYS_PTRACE, or another seccomp profile), or use "
	  "--kernel qemu" },
	{ "set fp regs failed",
	  "this processor's floating point state is larger than the user-mode kernel knows",
	  "use --kernel qemu, or a newer kernel (LAB_UML)" },
	{ "mount: mounting lab on /lab failed",
	  "this kernel can't mount what the lab shares with it, or has no driver for it",
	  "build virtio_pci, virtio_blk, 9p, 9pnet_virtio and device-mapper into it: the "
	  "initramfs "
	  "has modules of another kernel" },
	{ "Out of memory", "the guest ran out of memory", "give it more with --mem" },
	{ "Kernel panic - ",
	  "the guest's kernel panicked: ", "--keep-log FILE shows all it said" },
	{ "Cannot allocate memory", "this machine has not enough memory for the guest",
	  "ask for less with --mem" },
};

/* What a kernel says as it restarts. The user-mode one may die while it starts itself anew; to who
 * asked for a reboot it is the same: the machine went away without warning.
 */
static const char *const restarts[] = { "sysrq: Resetting", "reboot: Restarting system" };

/* By a mark of the guest, or what its console says. */
static bool restarted(struct lab *lab, const char *console)
{
	char path[LAB_LONG_PATH];

	snprintf(path, sizeof(path), "%s/rebooted", lab->dir);
	if (access(path, F_OK) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(restarts); i++) {
		if (strstr(console, restarts[i]))
			return true;
	}
	return false;
}

/* Texts of kernels that die, with what to do; the first that matches. */
static bool explain_by_console(struct lab *lab, const char *console)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		const char *at = strstr(console, causes[i].text), *why = causes[i].why;
		size_t rest = 0;

		if (!at)
			continue;
		at += strlen(causes[i].text);
		if (why[strlen(why) - 1] == ' ')
			rest = strcspn(at, "\r\n");
		lab_why(lab, "%s%.*s", why, (int)(rest < 200 ? rest : 200), at);
		lab_hint(lab, "%s", causes[i].hint);
		return true;
	}
	return false;
}

/* Where the console says nothing, the way in which the process ended does. */
bool lab_kernel_explain(struct lab *lab, int wait_status, const char *console)
{
	char path[LAB_LONG_PATH];

	if (restarted(lab, console)) {
		lab_why(lab, "the command rebooted the guest before it ended");
		return true;
	}
	if (explain_by_console(lab, console))
		return true;
	snprintf(path, sizeof(path), "%s/started", lab->dir);
	if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGBUS)
		lab_why(lab,
			"the guest died of a bus error: %s has not enough room for its memory",
			lab->memory);
	else if (WIFSIGNALED(wait_status))
		lab_why(lab, "the guest died of signal %d (%s)", WTERMSIG(wait_status),
			strsignal(WTERMSIG(wait_status)));
	else if (access(path, F_OK) != 0)
		lab_why(lab, "the guest did not start (exit status %d)",
			WEXITSTATUS(wait_status));
	else
		lab_why(lab, "the guest was switched off before the command ended");
	return false;
}
