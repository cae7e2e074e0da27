/* SPDX-License-Identifier: MIT */
/*
 * hostile.h - what a sealed child tries when somebody else's code runs in it
 *
 * build/test/mcrd-hostile is mcrd, object for object, with these files linked in: the
 * linker's --wrap puts a hostile function in front of one that each child calls in its
 * loop.  The environment says what it does, once:
 *
 *   MCR_HOSTILE_WORKER=calls   every system call of the list, and every way to send
 *   MCR_HOSTILE_CONTROL=WHAT   calls, or one of the floods in hostile_control.c
 *   MCR_HOSTILE_SUPERVISOR=... damage that only the supervisor can do (hostile_supervisor.c)
 *
 * Each attempt is one line on standard error, "hostile WHO: WHAT = RESULT", where RESULT is
 * what the kernel returned, an errno as a negative number.  tests/netns/test_hostile.py
 * knows what it must be, and watches the networks for what got out.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Descriptors looked at: more than a child has. */
#define HOSTILE_FDS 64

/* One line; @result: as a system call of the kernel returns it. */
void hostile_say(const char *who, const char *what, long result);

/* Is the environment variable @name equal to @what? */
bool hostile_is_asked(const char *name, const char *what);

/* A system call, its result as the kernel returns it. */
#define hostile_call(...) hostile_result(syscall(__VA_ARGS__))
long hostile_result(long ret);

/* --- hostile_calls.c --- */

/* Everything that neither child may do.  @who: "worker" or "control". */
void hostile_calls(const char *who);

/* --- hostile_maps.c --- */

struct control;
void hostile_maps(struct control *c);

/* --- hostile_frame.c --- */

#define HOSTILE_MARK "HOSTILE" /* in every frame and datagram; the witnesses look for it */

/*
 * A frame of UDP that nobody asked for, behind the header of PACKET_VNET_HDR.
 * @frame: filled, 256 bytes are enough; @dst: IPv4 address.  Return: its length.
 */
size_t hostile_frame(uint8_t *frame, const char *dst);

#endif
