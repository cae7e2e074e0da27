/* SPDX-License-Identifier: MIT */
/* enter.h - enter a node of a lab */
#ifndef HARNESS_LAB_ENTER_H
#define HARNESS_LAB_ENTER_H

/**
 * lab_enter() - move the calling thread into a node
 * @userns_fd: of the lab, or -1
 * @netns_fd:  of the node
 *
 * There is no way back from a user namespace, so this is for a child that is about to exec.
 *
 * Return: 0, or what setns(2) fails with.
 */
int lab_enter(int userns_fd, int netns_fd);

#endif
