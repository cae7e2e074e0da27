/* SPDX-License-Identifier: MIT */
/*
 * watch.h - the watcher of a lab
 *
 * It is a process that lives a little longer than the owner of the lab, and kills what still runs
 * in the nodes.
 *
 * An owner that ends in order kills it itself.  An owner that is killed cannot, and no program in a
 * node is its child, so nothing in the kernel ties them together.  The watcher holds the
 * namespaces, too, so a node's identity cannot be reused meanwhile.  If the watcher is killed, the
 * owner sees it and starts another (hold.c).
 */
#ifndef HARNESS_LAB_WATCH_H
#define HARNESS_LAB_WATCH_H

struct lab;

/**
 * lab_watch_start() - start the watcher
 * @lab: its watcher is filled
 *
 * Return: 0 or negative errno.
 */
int lab_watch_start(struct lab *lab);

/**
 * lab_watch_stop() - end the watcher; it kills nothing
 * @lab: one without a watcher is allowed
 */
void lab_watch_stop(struct lab *lab);

#endif
