// SPDX-License-Identifier: MIT
/* notify.c - sd_notify(3) in one datagram */
#include "daemon/supervisor/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_connect(const char *name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int ret, sock;

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(un.sun_path))
		return -EINVAL;
	memcpy(un.sun_path, name, len);
	if (name[0] == '@')
		un.sun_path[0] = '\0'; /* abstract: exactly these bytes, no NUL at the end */
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path) + len) <
	    0) {
		ret = -errno;
		close(sock);
		return ret;
	}
	return sock;
}

int notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int sock;

	if (!name || !*name)
		return -1;
	sock = notify_connect(name);
	unsetenv("NOTIFY_SOCKET");
	return sock;
}

void notify_send(int sock, const char *state)
{
	/* A manager that does not listen changes nothing for the service. */
	if (sock >= 0 && send(sock, state, strlen(state), MSG_NOSIGNAL) < 0)
		return;
}
