/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of the terminal, one at a time, for what is shown again and again. One user at a time. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define KEYS_NONE 0 /* the time is up */
#define KEYS_AGAIN                                                                             \
	(-1) /* the screen has another size, or another program had it: show it again */

/* From now on nothing typed at @fd is shown, nor waits for a line's end; whatever ends or stops the
 * program gives the terminal back as it was. False: it is no terminal of ours. */
bool keys_take(int fd);
/* The next key, or one of KEYS_*. In the background, and where none were taken, it waits only. */
int keys_wait(int64_t ms);
void keys_give(void);

#endif
