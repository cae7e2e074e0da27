/* SPDX-License-Identifier: MIT */
/* helper.h - the helper processes of a lab, for watch.c and tun.c */
#ifndef HARNESS_LAB_HELPER_H
#define HARNESS_LAB_HELPER_H

struct lab;
struct lab_helper;

/**
 * lab_helper_start() - run a function in a child of the lab's owner
 * @helper: filled; lab_helper_stop() is due after success
 * @lab:    borrowed
 * @name:   in ps, at most 15 characters
 * @serve:  called with the lab and a pidfd of the owner; the child ends when it returns
 *
 * The child has a session of its own, no other descriptors than the lab's, and ignores the signals
 * that a terminal sends.
 *
 * Return: 0, or what fork(2) or pidfd_open(2) fails with.
 */
int lab_helper_start(struct lab_helper *helper, const struct lab *lab, const char *name,
		     void (*serve)(const struct lab *lab, int owner_pidfd));

/**
 * lab_helper_stop() - kill the helper and wait for its end
 * @helper: empty afterwards; one that does not run is allowed
 */
void lab_helper_stop(struct lab_helper *helper);

#endif
