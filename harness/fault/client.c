// SPDX-License-Identifier: MIT
/* client.c - one connection that stalls or floods */
#include "harness/fault/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char greeting[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"VersionCheck\","
			       "\"params\":{\"version\":\"1\"}}\n";
static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ListRules\"}\n";

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;
	int ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* Return: bytes the socket took; 0 when it is full; negative errno when the other side is gone. */
static ssize_t push(int fd, const char *bytes, size_t length, struct fault_client_result *result)
{
	ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	result->bytes += (uint64_t)n;
	return n;
}

static int flood_once(int fd, size_t *at, struct fault_client_result *result)
{
	ssize_t n = push(fd, request + *at, sizeof(request) - 1 - *at, result);

	if (n < 0)
		return (int)n;
	*at += (size_t)n;
	if (*at == sizeof(request) - 1) {
		*at = 0;
		result->requests++;
	}
	return 0;
}

int fault_client(const char *path, bool flood, int stop_fd, void (*ready)(void),
		 struct fault_client_result *result)
{
	int fd = connect_to(path);
	struct pollfd fds[] = {{.fd = fd, .events = flood ? POLLOUT : 0},
			       {.fd = stop_fd, .events = POLLIN}};
	size_t at = sizeof(request) / 2;

	*result = (struct fault_client_result){0};
	if (fd < 0)
		return fd;
	push(fd, greeting, sizeof(greeting) - 1, result);
	push(fd, request, at, result);
	ready();
	while (!result->closed) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		/* A peer that has closed with our bytes unread resets the connection. */
		if (fds[0].revents & (POLLHUP | POLLERR))
			result->closed = true;
		else if (fds[0].revents & POLLOUT)
			result->closed = flood_once(fd, &at, result) < 0;
	}
	close(fd);
	return 0;
}
