/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work in turns: the caller fills slots, threads do what there is to do with each, and the caller
 * takes them back in the order in which it filled them. A caller that would have to wait takes
 * part. Little work needs no thread.
 */
#ifndef CORE_TURNS_H
#define CORE_TURNS_H

#include "core/util.h"

#define TURNS_SLOTS_MAX   32u
#define TURNS_THREADS_MAX 16u

/* Perhaps in another thread, for several slots at once: must change nothing but what is the slot's. */
typedef void (*turns_fn)(void *user, unsigned slot);

struct turns;

/* @user stays the caller's. @threads: 1 is none but the caller's. 0 or -ENOMEM. */
int turns_new(unsigned nr_slots, unsigned threads, turns_fn fn, void *user, struct turns **ret);
/* NULL is allowed. What was asked for need not be done; nothing is at work afterwards. */
void turns_free(struct turns *t);

/* The slot to fill, the caller's until turns_ask(); -1: none is free, turns_take() one first. */
int turns_slot(const struct turns *t);
void turns_ask(struct turns *t);
/*
 * The oldest that was asked for, as soon as it is done; -1: all were taken. The caller's until
 * turns_give_back() or the next call of this.
 */
int turns_take(struct turns *t);
void turns_give_back(struct turns *t);

#endif
