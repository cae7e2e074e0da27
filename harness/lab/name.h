/* SPDX-License-Identifier: MIT */
/* name.h - where the holder of a lab listens, and who may talk to it; for hold.c and ask.c */
#ifndef HARNESS_LAB_NAME_H
#define HARNESS_LAB_NAME_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LAB_NAME_PREFIX      "mcr-lab/"
#define LAB_NAME_SIZE        64   /* of a name, with its NUL */
#define LAB_NAME_ANSWER_SIZE 4096 /* of an answer, with its NUL */

struct lab_name_address {
	struct sockaddr_un sun;
	socklen_t length;
};

/**
 * lab_name_address() - the abstract address of a lab
 * @address: filled on success
 * @name:    1 to 63 letters, digits, '-', '_' and '.'
 *
 * Return: 0, or -EINVAL for a bad name.
 */
int lab_name_address(struct lab_name_address *address, const char *name);

/**
 * lab_name_socket() - a socket to bind or connect to the address of a lab
 * @address: filled on success
 * @name:    as for lab_name_address()
 *
 * Return: descriptor; -EINVAL for a bad name; other negative errno of socket(2).
 */
int lab_name_socket(struct lab_name_address *address, const char *name);

/**
 * lab_name_peer_is_allowed() - does the other side run as the same user, or as root?
 * @fd: a connected Unix socket
 */
bool lab_name_peer_is_allowed(int fd);

#endif
