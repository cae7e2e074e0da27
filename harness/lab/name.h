/* SPDX-License-Identifier: MIT */
/* Where the holder of a lab listens, and who may talk to it; for hold.c and ask.c. */
#ifndef HARNESS_LAB_NAME_H
#define HARNESS_LAB_NAME_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LABNAME_PREFIX "mcr-lab/"

struct labname_address {
	struct sockaddr_un sun;
	socklen_t length;
};

/** labname_address() - the abstract address of a lab.  Return: 0, or -EINVAL for a bad name. */
int labname_address(struct labname_address *address, const char *name);

/** labname_peer_is_friend() - does the other side run as the same user, or as root? */
bool labname_peer_is_friend(int fd);

#endif
