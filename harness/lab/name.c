// SPDX-License-Identifier: MIT
/* Where the holder of a lab listens, and who may talk to it. */
#include "harness/lab/name.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "harness/lab/hold.h"

int labname_address(struct labname_address *address, const char *name)
{
	size_t length = strlen(name);
	const size_t prefix = sizeof(LABNAME_PREFIX) - 1;

	if (length == 0 || length >= LABHOLD_NAME_SIZE)
		return -EINVAL;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return -EINVAL;
	*address = (struct labname_address){.sun.sun_family = AF_UNIX};
	/* The leading NUL makes the address abstract; its length counts, not a closing NUL. */
	memcpy(address->sun.sun_path + 1, LABNAME_PREFIX, prefix);
	memcpy(address->sun.sun_path + 1 + prefix, name, length);
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + prefix + length);
	return 0;
}

bool labname_peer_is_friend(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid == geteuid() || peer.uid == 0;
}
