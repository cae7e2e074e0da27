/* SPDX-License-Identifier: MIT */
/*
 * tun.h - links of layer 3: two tun devices, and a process that copies packets between them
 *
 * A tun device lives as long as a descriptor of it is open.  Owner and carrier of a lab hold them;
 * the carrier ends with the owner, and so do the devices.
 */
#ifndef HARNESS_LAB_TUN_H
#define HARNESS_LAB_TUN_H

struct lab;

/**
 * lab_tun_open() - make a tun device in the caller's network namespace, down
 * @name:  of the interface
 * @index: of the interface
 *
 * Return: a descriptor; -EACCES when the user may not use /dev/net/tun; other negative errno.
 */
int lab_tun_open(const char *name, int index);

/**
 * lab_tun_start() - start the carrier of a lab, if it has tun links
 * @lab: its carrier is filled
 *
 * Return: 0 or negative errno.
 */
int lab_tun_start(struct lab *lab);

/**
 * lab_tun_stop() - end the carrier
 * @lab: one without a carrier is allowed
 */
void lab_tun_stop(struct lab *lab);

#endif
