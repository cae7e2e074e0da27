/* SPDX-License-Identifier: MIT */
/*
 * The watcher of a lab: a process that outlives the lab's owner just long enough to kill what still
 * runs in the nodes.
 *
 * An owner that ends in order does that itself.  One that is killed cannot, and no program in a
 * node is its child, so nothing in the kernel ties them together.  The watcher holds the
 * namespaces, too, so a node's identity cannot be reused under its eyes.  If it is the watcher that
 * is killed, the owner sees it and starts another (hold.c).
 */
#ifndef HARNESS_LAB_WATCH_H
#define HARNESS_LAB_WATCH_H

struct lab;

/** labwatch_start() - start it.  Return: 0 or negative errno. */
int labwatch_start(struct lab *lab);

/** labwatch_stop() - end it, without any killing.  None running is fine. */
void labwatch_stop(struct lab *lab);

#endif
