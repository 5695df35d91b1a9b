/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One processor for a user-mode kernel. It and the processes in it take turns, and never run at
 * the same time; where the scheduler spreads them over processors, each system call of the guest
 * wakes another processor twice, and takes several times as long. Labs that run at once spread
 * themselves: each holds a place, on the processor where fewest are held.
 */
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab/lab.h"

#define PLACES 8 /* on one processor; who finds none goes where the scheduler wants */

/* A name that is bound is gone with its holder, whatever ends that: it is no file. */
static bool hold(int fd, int processor, int place)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1,
			   "bedplate-lab-processor-%d-%d", processor, place);

	return bind(fd, (const struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) == 0;
}

int lab_processor_hold(int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cpu_set_t allowed;

	if (fd < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		goto none;
	for (int place = 0; place < PLACES; place++) {
		for (int processor = 0; processor < CPU_SETSIZE; processor++) {
			if (CPU_ISSET(processor, &allowed) && hold(fd, processor, place)) {
				*ret_fd = fd;
				return processor;
			}
		}
	}
none:
	if (fd >= 0)
		close(fd);
	*ret_fd = -1;
	return -1;
}

void lab_processor_stay(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof(set), &set); /* where not, it is slower only */
}
