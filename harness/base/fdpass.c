// SPDX-License-Identifier: MIT
/* fdpass.c - sendmsg and recvmsg with SCM_RIGHTS */
#include "harness/base/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fdpass_send(int socket, const void *bytes, size_t length, const int *fds, size_t n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
	struct iovec iov = {(void *)bytes, length};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > FDPASS_MAX)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *cmsg;

		memset(control, 0, sizeof(control));
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t take_fds(const struct cmsghdr *cmsg, int *fds, size_t room)
{
	size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	size_t taken = n < room ? n : room;
	int surplus;

	memcpy(fds, CMSG_DATA(cmsg), taken * sizeof(int));
	for (size_t i = taken; i < n; i++) {
		memcpy(&surplus, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(surplus));
		close(surplus);
	}
	return taken;
}

int fdpass_recv(int socket, void *bytes, size_t *length, int *fds, size_t *n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
	struct iovec iov = {bytes, *length};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	size_t room = *n_fds;
	ssize_t n;

	*n_fds = 0;
	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*length = (size_t)n;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
			*n_fds += take_fds(cmsg, fds + *n_fds, room - *n_fds);
	return 0;
}
