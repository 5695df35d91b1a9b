/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the user-mode kernel. That of 6.1 keeps 2696 bytes of floating point state for
 * each of its processes, and writes as much back; Linux takes only a whole state back (since
 * 5.14), which is larger on processors with AMX: EFAULT, and the guest's first process is dead.
 * So pad what it writes. The missing part is never in use: a process has to ask for AMX first.
 *
 * Source: Linux, arch/x86/kernel/fpu/regset.c; arch/x86/um/os-Linux/registers.c.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define STATE_MAX 65536 /* 11008 with AMX */

#ifdef __GLIBC__
typedef enum __ptrace_request ptrace_word;
#else
typedef int ptrace_word;
#endif
typedef long (*ptrace_fn)(ptrace_word request, ...);

__attribute__((visibility("default"))) long ptrace(ptrace_word request, ...)
{
	static char state[STATE_MAX] __attribute__((aligned(64)));
	static struct iovec whole; /* iov_len: what this processor has, 0: not known yet */
	static ptrace_fn next;
	struct iovec *part;
	va_list args;
	void *addr, *data;
	int pid;

	va_start(args, request);
	pid = va_arg(args, int);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (!next)
		next = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
	if (request != PTRACE_SETREGSET || addr != (void *)NT_X86_XSTATE)
		return next(request, pid, addr, data);

	part = data;
	if (!whole.iov_base) {
		whole = (struct iovec){ .iov_base = state, .iov_len = sizeof(state) };
		if (next(PTRACE_GETREGSET, pid, addr, &whole) < 0)
			whole.iov_len = 0;
		memset(state, 0, sizeof(state));
	}
	if (part->iov_len >= whole.iov_len)
		return next(request, pid, addr, data);
	memcpy(state, part->iov_base, part->iov_len);
	return next(request, pid, addr, &(struct iovec){ state, whole.iov_len });
}
