/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into a program: calls of the C library and of other libraries, as it makes them from main() on, of which one
 * fails. A call is told from others by its name and by who called it, some frames deep, so each place that calls is one,
 * however often it is passed, and the same in each run. What only the C library does for itself is not touched, and neither is
 * what a library named in FAILING_EXEMPT calls.
 *
 *   FAILING_LIST=FILE   write a line for each call that could fail, when it is first made: its number, its name, its frames
 *   FAILING_AT=NUMBER   let the call of this number fail, the first time that it is made, and say so in FAILING_STRUCK=FILE
 *   FAILING_DEPTH=N     so many frames of our own tell calls apart (2)
 *
 * Calls get their arguments in six registers and are passed on so: no more than that is promised of the machine.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FRAMES 48
#define SEEN   (1u << 15)

/* --- whose code a frame is --- */

enum kind { OTHER, OWN, EXEMPT };

struct part {
	uintptr_t start, end, base;
	enum kind kind;
	bool library;
};

static struct part parts[256];
static size_t nr_parts;

static int add_part(struct dl_phdr_info *info, size_t size, void *user)
{
	const char *exempt = getenv("FAILING_EXEMPT"), *name = info->dlpi_name;
	enum kind kind = !*name || strstr(name, "libbedplate.so") ? OWN : OTHER;

	(void)size;
	(void)user;
	if (exempt && strstr(name, exempt))
		kind = EXEMPT;
	for (int i = 0; kind != OTHER && i < info->dlpi_phnum && nr_parts < 256; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X))
			parts[nr_parts++] = (struct part){ start, start + p->p_memsz,
							   info->dlpi_addr, kind, *name };
	}
	return 0;
}

static const struct part *part_of(uintptr_t at)
{
	for (size_t i = 0; i < nr_parts; i++)
		if (at >= parts[i].start && at < parts[i].end)
			return &parts[i];
	return NULL;
}

/* --- which call it is --- */

struct site {
	uint64_t number;
	size_t nr;
	struct {
		size_t part;
		uintptr_t offset;
	} frames[8];
};

static size_t depth = 2;

static uint64_t mix(uint64_t hash, uint64_t with)
{
	for (int i = 0; i < 8; i++, with >>= 8)
		hash = (hash ^ (with & 0xff)) * 1099511628211u;
	return hash;
}

/* False where none of our code called, or the exempt did. */
static bool site_find(const char *name, struct site *ret)
{
	void *frames[FRAMES];
	int nr = backtrace(frames, FRAMES);

	*ret = (struct site){ .number = 14695981039346656037u };
	for (const char *c = name; *c; c++)
		ret->number = mix(ret->number, (unsigned char)*c);
	for (int i = 0; i < nr; i++) {
		const struct part *part = part_of((uintptr_t)frames[i] - 1);

		if (part && part->kind == EXEMPT)
			return false;
		if (!part || ret->nr == depth)
			continue;
		ret->frames[ret->nr].part = (size_t)(part - parts);
		ret->frames[ret->nr].offset = (uintptr_t)frames[i] - 1 - part->base;
		ret->number = mix(mix(ret->number, ret->frames[ret->nr].part),
				  ret->frames[ret->nr].offset);
		ret->nr++;
	}
	return ret->nr > 0;
}

/* --- told and struck --- */

static const char *list, *struck;
static uint64_t at;
static bool on, done;
static uint64_t seen[SEEN];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int inside;

/* By system calls: nothing that is failing here is in their way. */
static void tell(const char *path, const char *line)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0600);

	if (fd < 0)
		return;
	syscall(SYS_write, fd, line, strlen(line));
	syscall(SYS_close, fd);
}

static bool first_time(uint64_t number)
{
	for (size_t i = number % SEEN, n = 0; n < SEEN; i = (i + 1) % SEEN, n++) {
		if (seen[i] == number)
			return false;
		if (!seen[i]) {
			seen[i] = number;
			return true;
		}
	}
	return false;
}

static void tell_site(const char *name, const struct site *site)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%016llx %s", (unsigned long long)site->number,
			 name);

	for (size_t i = 0; i < site->nr; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " %s:%#lx",
			      parts[site->frames[i].part].library ? "library" : "program",
			      (unsigned long)site->frames[i].offset);
	snprintf(line + n, sizeof(line) - (size_t)n, "\n");
	tell(list, line);
}

/* Has this one to fail? */
static bool fails(const char *name)
{
	struct site site;
	bool hit = false;

	if (!on || inside || done)
		return false;
	inside = 1;
	if (site_find(name, &site)) {
		pthread_mutex_lock(&lock);
		if (list && first_time(site.number))
			tell_site(name, &site);
		hit = at && site.number == at && !done;
		done = done || hit;
		pthread_mutex_unlock(&lock);
		if (hit && struck)
			tell(struck, "struck\n");
	}
	inside = 0;
	return hit;
}

/* --- from main() to its end --- */

static int (*real_main)(int, char **, char **);

static int watched_main(int argc, char **argv, char **environment)
{
	int r;

	on = true;
	r = real_main(argc, argv, environment);
	on = false;
	return r;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
		      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
		      void *stack_end);

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
		      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
		      void *stack_end)
{
	__typeof__(&__libc_start_main) real =
		(__typeof__(&__libc_start_main))dlsym(RTLD_NEXT, "__libc_start_main");

	real_main = main;
	return real(watched_main, argc, argv, init, fini, rtld_fini, stack_end);
}

void exit(int status)
{
	void (*real)(int) = (void (*)(int))dlsym(RTLD_NEXT, "exit");

	on = false;
	real(status);
	__builtin_unreachable();
}

static __attribute__((constructor)) void begin(void)
{
	const char *text;
	void *warm[2];

	inside = 1;
	list = getenv("FAILING_LIST");
	struck = getenv("FAILING_STRUCK");
	text = getenv("FAILING_AT");
	at = text ? strtoull(text, NULL, 16) : 0;
	text = getenv("FAILING_DEPTH");
	depth = text ? strtoul(text, NULL, 10) : 2;
	depth = depth > 8 ? 8 : depth;
	dl_iterate_phdr(add_part, NULL);
	backtrace(warm, 2);     /* loads what it needs */
	unsetenv("LD_PRELOAD"); /* programs that it runs are left in peace */
	inside = 0;
}

/* Tests that prepare something first. */
__attribute__((visibility("default"))) void failing_on(int now);

void failing_on(int now)
{
	on = now;
}

/* --- the calls --- */

/*
 * dlsym() may ask for memory itself the first time: it gets some of this then. It is never given back.
 */
static char early[1 << 16];
static size_t early_used;
static __thread int looking;

static void *early_get(size_t size)
{
	void *p = early + early_used;

	early_used += (size + 31) & ~(size_t)31;
	return early_used <= sizeof(early) ? p : NULL;
}

static void *next_of(const char *name)
{
	void *p;

	looking = 1;
	p = dlsym(RTLD_NEXT, name);
	looking = 0;
	return p;
}

typedef long (*call_fn)(long, long, long, long, long, long);

#define CALL_AS(name, value, errnum, early_value)                                              \
	long name##_failing(long, long, long, long, long, long) __asm__(#name);                \
	long name##_failing(long a, long b, long c, long d, long e, long f)                    \
	{                                                                                      \
		static call_fn real;                                                           \
                                                                                               \
		if (!real && looking)                                                          \
			return early_value;                                                    \
		if (!real)                                                                     \
			real = (call_fn)next_of(#name);                                        \
		if (fails(#name)) {                                                            \
			errno = errnum;                                                        \
			return value;                                                          \
		}                                                                              \
		return real(a, b, c, d, e, f);                                                 \
	}
#define CALL(name, value, errnum) CALL_AS(name, value, errnum, 0)

/* Memory. */
CALL_AS(malloc, 0, ENOMEM, (long)early_get((size_t)a))
CALL_AS(calloc, 0, ENOMEM, (long)early_get((size_t)(a *b)))
CALL(realloc, 0, ENOMEM)
CALL(reallocarray, 0, ENOMEM)
CALL(aligned_alloc, 0, ENOMEM)
CALL(posix_memalign, ENOMEM, errno)
CALL(mmap64, -1, ENOMEM)
CALL(open_memstream, 0, ENOMEM)

/* Files, directories, descriptors. */
CALL(open64, -1, EMFILE)
CALL(__open64_2, -1, EMFILE)
CALL(openat64, -1, EMFILE)
CALL(fopen64, 0, EMFILE)
CALL(fdopen, 0, ENOMEM)
CALL(opendir, 0, EMFILE)
CALL(fdopendir, 0, ENOMEM)
CALL(readdir64, 0, EIO)
CALL(dup, -1, EMFILE)
CALL(dup2, -1, EMFILE)
CALL(pipe2, -1, EMFILE)
CALL(fcntl64, -1, EINVAL)
CALL(mkdir, -1, ENOSPC)
CALL(mkdirat, -1, ENOSPC)
CALL(mkdtemp, 0, ENOSPC)
CALL(mkostemp64, -1, ENOSPC)
CALL(mknod, -1, ENOSPC)
CALL(link, -1, ENOSPC)
CALL(linkat, -1, ENOSPC)
CALL(symlink, -1, ENOSPC)
CALL(rename, -1, EIO)
CALL(remove, -1, EIO)
CALL(rmdir, -1, EIO)
CALL(unlink, -1, EIO)
CALL(unlinkat, -1, EIO)
CALL(readlink, -1, EIO)
CALL(realpath, 0, EIO)
CALL(getcwd, 0, ENOENT)
CALL(chdir, -1, EACCES)
CALL(fchdir, -1, EACCES)
CALL(chmod, -1, EPERM)
CALL(fchmod, -1, EPERM)
CALL(fchown, -1, EPERM)
CALL(stat64, -1, EIO)
CALL(lstat64, -1, EIO)
CALL(fstat64, -1, EIO)
CALL(fstatat64, -1, EIO)
CALL(statvfs64, -1, EIO)
CALL(ftruncate64, -1, ENOSPC)
CALL(truncate64, -1, ENOSPC)
CALL(fallocate64, -1, ENOSPC)
CALL(fsync, -1, EIO)
CALL(fdatasync, -1, EIO)
CALL(lseek64, -1, ESPIPE)
CALL(flock, -1, ENOLCK)

/* What goes through them. */
CALL(read, -1, EIO)
CALL(pread64, -1, EIO)
CALL(write, -1, ENOSPC)
CALL(pwrite64, -1, ENOSPC)
CALL(fread, 0, EIO)
CALL(getdelim, -1, EIO)
CALL(__getdelim, -1, EIO)
CALL(fflush, -1, ENOSPC)
CALL(sendfile64, -1, EIO)
CALL(ioctl, -1, EIO)
CALL(poll, -1, ENOMEM)
CALL(recv, -1, ECONNRESET)
CALL(send, -1, ECONNRESET)

/* Sockets, processes, threads, and the rest of the system. */
CALL(socket, -1, EMFILE)
CALL(socketpair, -1, EMFILE)
CALL(bind, -1, EADDRINUSE)
CALL(listen, -1, EADDRINUSE)
CALL(accept4, -1, EMFILE)
CALL(connect, -1, ECONNREFUSED)
CALL(setsockopt, -1, ENOMEM)
CALL(fork, -1, EAGAIN)
CALL(posix_spawnp, EAGAIN, errno)
CALL(pthread_create, EAGAIN, errno)
CALL(inotify_init1, -1, EMFILE)
CALL(inotify_add_watch, -1, ENOSPC)
CALL(memfd_create, -1, EMFILE)
CALL(signalfd, -1, EMFILE)
CALL(pidfd_open, -1, EMFILE)
CALL(getrandom, -1, ENOSYS)
CALL(semget, -1, ENOSPC)
CALL(semctl, -1, EIDRM)
CALL(semop, -1, EIDRM)
CALL(setenv, -1, ENOMEM)
CALL(localtime_r, 0, EOVERFLOW)
CALL(regcomp, 12, ENOMEM)
CALL(uname, -1, EFAULT)

/*
 * It takes a failed allocation of its own for "no match": only the call itself can fail here.
 */
long regexec_failing(long, long, long, long, long) __asm__("regexec");
long regexec_failing(long a, long b, long c, long d, long e)
{
	static long (*real)(long, long, long, long, long);
	long r;

	if (!real)
		real = (long (*)(long, long, long, long, long))next_of("regexec");
	if (fails("regexec"))
		return 12; /* REG_ESPACE */
	inside++;
	r = real(a, b, c, d, e);
	inside--;
	return r;
}

/* Other libraries. */
CALL(io_uring_queue_init, -ENOMEM, errno)
CALL(io_uring_submit, -EAGAIN, errno)
CALL(XML_ParserCreate, 0, ENOMEM)
CALL(blkid_new_probe, 0, ENOMEM)
CALL(blkid_probe_set_device, -1, EIO)
CALL(blkid_do_safeprobe, -1, EIO)
CALL(blkid_do_probe, -1, EIO)
CALL(blkid_probe_get_partitions, 0, ENOMEM)

/* It is closed all the same. */
#define CLOSE(name, value, errnum)                                                             \
	long name##_failing(long) __asm__(#name);                                              \
	long name##_failing(long a)                                                            \
	{                                                                                      \
		static long (*real)(long);                                                     \
		long r;                                                                        \
                                                                                               \
		if (!real)                                                                     \
			real = (long (*)(long))next_of(#name);                                 \
		r = real(a);                                                                   \
		if (fails(#name)) {                                                            \
			errno = errnum;                                                        \
			return value;                                                          \
		}                                                                              \
		return r;                                                                      \
	}
CLOSE(close, -1, EIO)
CLOSE(fclose, -1, ENOSPC)
