/* SPDX-License-Identifier: MIT */
/*
 * Links of layer 3: two tun devices, and a process that carries packets from one to the other.
 *
 * A tun device lives as long as a descriptor of it is open.  Owner and carrier of a lab hold them;
 * the carrier ends with the owner, and so do the devices.
 */
#ifndef HARNESS_LAB_TUN_H
#define HARNESS_LAB_TUN_H

struct lab;

/**
 * labtun_open() - make a tun device in the caller's network namespace, down.
 * @name: of the interface
 * @index: of the interface
 *
 * Return: a descriptor, or negative errno; -EACCES when the user may not use /dev/net/tun.
 */
int labtun_open(const char *name, int index);

/** labtun_start() - start the carrier of a lab, if it has tun links.  Return: 0 or -errno. */
int labtun_start(struct lab *lab);

/** labtun_stop() - end it.  None running is fine. */
void labtun_stop(struct lab *lab);

#endif
