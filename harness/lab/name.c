// SPDX-License-Identifier: MIT
/* name.c - from the name of a lab to the address of its socket */
#include "harness/lab/name.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

int lab_name_address(struct lab_name_address *address, const char *name)
{
	size_t length = strlen(name);
	const size_t prefix = sizeof(LAB_NAME_PREFIX) - 1;

	if (length == 0 || length >= LAB_NAME_SIZE)
		return -EINVAL;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return -EINVAL;
	*address = (struct lab_name_address){.sun.sun_family = AF_UNIX};
	/* The leading NUL makes the address abstract; its length counts, not a closing NUL. */
	memcpy(address->sun.sun_path + 1, LAB_NAME_PREFIX, prefix);
	memcpy(address->sun.sun_path + 1 + prefix, name, length);
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + prefix + length);
	return 0;
}

int lab_name_socket(struct lab_name_address *address, const char *name)
{
	int ret = lab_name_address(address, name);

	if (ret < 0)
		return ret;
	ret = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return ret < 0 ? -errno : ret;
}

bool lab_name_peer_is_allowed(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid == geteuid() || peer.uid == 0;
}
