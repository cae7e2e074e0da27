/* SPDX-License-Identifier: MIT */
/* The helper processes of a lab, for watch.c and tun.c. */
#ifndef HARNESS_LAB_HELPER_H
#define HARNESS_LAB_HELPER_H

struct lab;
struct lab_helper;

/**
 * labhelper_start() - run @serve in a child of the lab's owner.
 * @name: its name in ps, of at most 15 characters
 * @serve: gets the lab and a pidfd of the owner; the child ends when it returns
 *
 * The child has a session of its own, no other descriptors than the lab's, and ignores the signals
 * that a terminal sends.
 *
 * Return: 0 or negative errno.
 */
int labhelper_start(struct lab_helper *helper, const struct lab *lab, const char *name,
		    void (*serve)(const struct lab *lab, int owner_pidfd));

/** labhelper_stop() - SIGKILL it and wait; none running is fine. */
void labhelper_stop(struct lab_helper *helper);

#endif
