// SPDX-License-Identifier: MIT
/* A lab that other processes can find by name: the client's side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/fdpass.h"
#include "harness/labhold.h"
#include "harness/labname.h"
#include "harness/wait.h"

#define ANSWER_MS 5000

static int connect_to(const char *name)
{
	struct labname_address address;
	int ret = labname_address(&address, name);
	int fd;

	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address.sun, address.length) < 0) {
		ret = errno == ECONNREFUSED ? -ENOENT : -errno;
		close(fd);
		return ret;
	}
	if (!labname_peer_is_friend(fd)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

int labhold_ask(const char *name, const char *request, char answer[static LABHOLD_ANSWER_SIZE],
		int fds[static 2], size_t *n_fds)
{
	size_t length = LABHOLD_ANSWER_SIZE - 1;
	int fd = connect_to(name);
	int ret;

	*n_fds = 2;
	if (fd < 0)
		return fd;
	ret = fdpass_send(fd, request, strlen(request), NULL, 0);
	if (!ret)
		ret = wait_readable(fd, deadline_in_ms(ANSWER_MS));
	if (!ret)
		ret = fdpass_recv(fd, answer, &length, fds, n_fds);
	close(fd);
	answer[ret ? 0 : length] = '\0';
	return !ret && length == 0 ? -ECONNRESET : ret;
}

int labhold_wait_gone(const char *name, struct deadline deadline)
{
	int fd = connect_to(name);
	int ret;

	/*
	 * Waiting to be accepted: a connection queued at a listening socket is hung up when that
	 * socket closes, which is when the holder ends.
	 */
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	ret = wait_readable(fd, deadline);
	close(fd);
	return ret;
}

int labhold_list(void (*found)(const char *name))
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		/* Connections of clients carry the name, too: flags 00010000 is who listens. */
		const char *name = strstr(line, " @" LABNAME_PREFIX);

		line[strcspn(line, "\n")] = '\0';
		if (name && strstr(line, " 00010000 "))
			found(name + sizeof(" @" LABNAME_PREFIX) - 1);
	}
	fclose(file);
	return 0;
}
