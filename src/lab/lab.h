/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a command as root of a kernel of its own: a user-mode kernel (an ordinary program) or
 * an emulated machine. Neither needs a privilege; the guest's root may do on this machine what
 * the caller may, and nothing more.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <bedplate/units.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <termios.h>

#define LAB_DISKS_MAX 8u

/* What the lab itself exits with; any other status is the command's own. */
#define LAB_EXIT_TIMEOUT 124
#define LAB_EXIT_FAILED  125

enum lab_kernel {
	LAB_UML,  /* user-mode kernel: one CPU, up in a second or two */
	LAB_QEMU, /* emulated machine with a distribution's kernel: SMP, vdo */
};

/*
 * A disk of the guest: a fresh sparse file; or @path, which is read and written in place; with both a
 * file that is made where it is not there, and kept.
 */
struct lab_disk {
	const char *path;
	bp_bytes size_bytes; /* 0: of @path as it is */
	bool empty;          /* nothing was ever written to it */
};

/**
 * struct lab_opts - What to run, and where.
 * @argv: the command, NULL at the end; found through PATH.
 * @mem_bytes: the guest's memory. Taken from this machine as it is touched.
 * @kernel_file: boot this instead of the installed one; NULL: none.
 * @fs: made on each disk that is empty, before the command; NULL: none.
 * @mounts, @nr_mounts: where the first disks are mounted, made in the guest's /run where missing.
 * @cpus: LAB_QEMU only.
 * @timeout_s: seconds from start to end; 0: no limit.
 * @private_tmp: /tmp is the guest's own, in its memory. (A user-mode kernel can't open a file of
 *	this machine again once it is unlinked.)
 * @terminal: standard input is a terminal that the command is to have for itself.
 * @output: takes what the command writes, as it comes; @fd is 1 or 2. Non-zero ends the guest.
 */
struct lab_opts {
	enum lab_kernel kernel;
	const char *kernel_file;
	const char *const *argv;
	struct lab_disk *disks; /* whether one is empty is found out */
	size_t nr_disks;
	const char *fs;
	const char *const *mounts;
	size_t nr_mounts;
	bp_bytes mem_bytes;
	unsigned cpus, timeout_s;
	bool private_tmp, terminal;
	int (*output)(void *user, int fd, const char *text, size_t len);
	void *user;
};

/**
 * struct lab_result - How it ended. Free with lab_result_done().
 * @exit_status: the command's (128 + n where signal n ended it), or LAB_EXIT_…
 * @signal: the signal that this process got meanwhile and that ended the guest, or 0.
 * @ms: from start to end.
 * @kernel_log: the guest's; NULL where it never got so far.
 * @why: what kept the command from running to its end; "" where it did.
 * @hint: what to do about it, or "".
 * @console_tail: the last lines of the guest's console where they tell more than @why, or NULL.
 */
struct lab_result {
	int exit_status, signal;
	int64_t ms;
	char *kernel_log, *console_tail;
	char why[1024], hint[512];
};

/* Run it. All is in @ret: a failure of the lab is LAB_EXIT_FAILED with its reason. */
void lab_run(const struct lab_opts *opts, struct lab_result *ret);
void lab_result_done(struct lab_result *result);

/*
 * Between the files of the lab.
 */

#define LAB_PRELOAD   "xstate.so" /* goes into the user-mode kernel, see guest/xstate.c */
#define LAB_PATH      256         /* the run's directory */
#define LAB_LONG_PATH 512         /* files in it */
#define LAB_ARGS_MAX  96u

/* One run: its private directory and what is to be started. */
struct lab {
	const struct lab_opts *opts;
	struct lab_result *result;
	char dir[LAB_PATH];           /* private, holds all files of the run */
	char memory[LAB_PATH];        /* LAB_UML: where the guest's memory file goes */
	char *args[LAB_ARGS_MAX + 1]; /* the kernel's or emulator's command line, owned */
	size_t nr_args;
	struct {
		unsigned pieces; /* passed on so far */
		bool ended, raw;
		struct termios before; /* of the terminal */
	} input;
};

/* Say why the lab failed (the first reason stays), and then what to do. Both return -1. */
int lab_why(struct lab *lab, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int lab_hint(struct lab *lab, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* files.c: the private directory, with disks, the command and the guest's init. */
int lab_files_make(struct lab *lab);
void lab_files_remove(struct lab *lab);
FILE *lab_file_create(struct lab *lab, const char *name, mode_t mode);
/* The end of a file of the run, at most @max bytes, NUL-terminated; NULL where there is none.
 */
char *lab_file_read(struct lab *lab, const char *name, size_t max, size_t *ret_len);

/*
 * input.c: standard input. Where it is wanted and can be read, take a piece; end it where nobody
 * reads it any more. 0 or -1. A terminal is taken once the guest runs, and given back.
 */
int lab_input_begin(struct lab *lab);
bool lab_input_wanted(const struct lab *lab);
int lab_input_take(struct lab *lab);
int lab_input_end(struct lab *lab);
void lab_terminal_take(struct lab *lab);
void lab_terminal_give(struct lab *lab);

/* kernel.c: find the kernel, choose the memory's place, write the command line. */
int lab_kernel_prepare(struct lab *lab);
/*
 * Why a guest ended before its command did, from its exit status and console. Return: whether
 * that is all there is to say, so that the console need not be shown.
 */
bool lab_kernel_explain(struct lab *lab, int wait_status, const char *console);

/*
 * processor.c: a place on the processor that fewest labs of this machine hold; it is held until
 * *@ret_fd is closed. -1, and *@ret_fd is -1: none. Then, in the child, to stay on that one.
 */
int lab_processor_hold(int *ret_fd);
void lab_processor_stay(int processor);

/* The files of guest/, see src/lab/meson.build. */
extern const char lab_guest_init_uml[], lab_guest_init_qemu[];
extern const unsigned char lab_guest_xstate[];
extern const size_t lab_guest_xstate_size;

#endif
