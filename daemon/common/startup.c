// SPDX-License-Identifier: MIT
/* startup.c - send and receive the first messages of a child */
#include "daemon/common/startup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void send_one(struct startup *s, struct ipc_msg *m, int fd)
{
	if (s->error == 0)
		s->error = ipc_send(s->channel, m, fd);
}

void startup_pass(struct startup *s, enum passed_fd what, unsigned index, int fd)
{
	struct ipc_msg m = {.type = IPC_PASS_FD, .pass_fd = {.what = what, .index = index}};

	if (fd >= 0)
		send_one(s, &m, fd);
}

void startup_new(struct startup *s, enum passed_fd what, unsigned index, int fd)
{
	if (fd < 0) {
		s->error = s->error ? s->error : fd;
		return;
	}
	startup_pass(s, what, index, fd);
	close(fd);
}

void startup_interface(struct startup *s, const char *name)
{
	struct ipc_msg m = {.type = IPC_INTERFACE};

	strncpy(m.interface.name, name, sizeof(m.interface.name) - 1);
	send_one(s, &m, -1);
}

int startup_end(struct startup *s, const struct ipc_start *start)
{
	struct ipc_msg m = {.type = IPC_START, .start = *start};

	send_one(s, &m, -1);
	return s->error;
}

/* Return: as ipc_recv(), which it repeats until there is a message. */
static int receive(int channel, enum ipc_peer peer, struct ipc_msg *m, int *fd)
{
	struct pollfd readable = {.fd = channel, .events = POLLIN};
	int ret;

	for (;;) {
		ret = ipc_recv(channel, peer, m, fd);
		if (ret != -EAGAIN && ret != -EINTR)
			return ret;
		if (poll(&readable, 1, -1) < 0 && errno != EINTR)
			return -errno;
	}
}

int startup_receive(int channel, enum ipc_peer peer, startup_fn *take, void *ctx,
		    struct ipc_start *start)
{
	struct ipc_msg m;
	int fd, ret;

	for (;;) {
		ret = receive(channel, peer, &m, &fd);
		if (ret == 0 || ret == -ECONNRESET)
			return -EPIPE;
		if (ret < 0)
			return ret;
		switch ((enum ipc_to_new_child)m.type) {
		case IPC_PASS_FD:
		case IPC_INTERFACE:
			take(ctx, &m, fd);
			break;
		case IPC_START:
			*start = m.start;
			return 0;
		}
	}
}
