/* SPDX-License-Identifier: MIT */
/* ethfeature.h - offloads of an interface, by the kernel's names as `ethtool -k` prints them */
#ifndef HARNESS_LINK_ETHFEATURE_H
#define HARNESS_LINK_ETHFEATURE_H

#include <stdbool.h>
#include <stddef.h>

struct ethfeature {
	const char *name; /* such as "rx-udp-gro-forwarding" */
	bool on;
};

/**
 * ethfeature_set() - switch offloads of one interface
 * @fd:         any socket of the interface's network namespace
 * @interface:  its name
 * @features:   borrowed
 * @n_features: of @features
 *
 * Return: 0; -ENOENT when the kernel knows no such feature; -EOPNOTSUPP when the interface did not
 * take one; what the ioctl fails with.
 */
int ethfeature_set(int fd, const char *interface, const struct ethfeature *features,
		   size_t n_features);

#endif
