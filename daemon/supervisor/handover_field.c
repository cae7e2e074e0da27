// SPDX-License-Identifier: MIT
/* handover_field.c - bytes in order, and descriptors by their kind */
#include "daemon/supervisor/handover_field.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/common/memfd.h"

void handover_put(struct handover_writer *w, const void *from, size_t len)
{
	size_t cap = w->cap ? w->cap : 65536;
	char *mem;

	while (cap < w->len + len)
		cap *= 2;
	if (!w->error && cap != w->cap) {
		mem = realloc(w->mem, cap);
		if (!mem)
			w->error = -ENOMEM;
		else
			w->mem = mem;
		w->cap = cap;
	}
	if (w->error)
		return;
	memcpy(w->mem + w->len, from, len);
	w->len += len;
}

void handover_put_fd(struct handover_writer *w, int fd)
{
	int32_t number = fd;

	if (fd >= 0 && fcntl(fd, F_SETFD, 0) < 0 && !w->error)
		w->error = -errno;
	handover_put(w, &number, sizeof(number));
}

void handover_bad(struct handover_reader *r)
{
	if (!r->error)
		r->error = -EBADMSG;
}

void handover_get(struct handover_reader *r, void *to, size_t len)
{
	memset(to, 0, len);
	if (len > r->left)
		handover_bad(r);
	if (r->error)
		return;
	memcpy(to, r->at, len);
	r->at += len;
	r->left -= len;
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

static bool is_socket(int fd, int domain, int type)
{
	return socket_option(fd, SO_DOMAIN) == domain && socket_option(fd, SO_TYPE) == type;
}

static bool is_memory(int fd, size_t size_bytes)
{
	const int64_t size = memfd_size(fd, MEMFD_SHARED_SEALS);

	return size >= 0 && (!size_bytes || (size_t)size == size_bytes);
}

static bool is_kind(int fd, enum handover_fd kind, size_t size_bytes)
{
	struct stat st;

	switch (kind) {
	case FD_PACKET:
		return socket_option(fd, SO_DOMAIN) == AF_PACKET;
	case FD_UDP:
		return is_socket(fd, AF_INET, SOCK_DGRAM);
	case FD_LISTENER:
		return is_socket(fd, AF_UNIX, SOCK_STREAM) && socket_option(fd, SO_ACCEPTCONN) == 1;
	case FD_CHANNEL:
		return is_socket(fd, AF_UNIX, SOCK_SEQPACKET);
	case FD_NOTIFY:
		return is_socket(fd, AF_UNIX, SOCK_DGRAM);
	case FD_MEMORY:
		return is_memory(fd, size_bytes);
	case FD_FILE:
		return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	case FD_PIPE:
		return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
	case FD_ANONYMOUS: /* neither file nor socket; the type bits are zero */
		return fstat(fd, &st) == 0 && !(st.st_mode & S_IFMT);
	}
	return false;
}

int handover_get_fd(struct handover_reader *r, enum handover_fd kind, size_t size_bytes)
{
	int32_t fd;

	handover_get(r, &fd, sizeof(fd));
	if (r->error || fd == -1)
		return -1;
	if (fd <= STDERR_FILENO || (uint32_t)fd >= HANDOVER_FD_MAX ||
	    (r->claimed[fd / 8] >> fd % 8 & 1) || !is_kind(fd, kind, size_bytes) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		handover_bad(r);
		return -1;
	}
	r->claimed[fd / 8] |= (uint8_t)(1u << fd % 8);
	return fd;
}

int handover_need_fd(struct handover_reader *r, enum handover_fd kind, size_t size_bytes)
{
	int fd = handover_get_fd(r, kind, size_bytes);

	if (fd < 0)
		handover_bad(r);
	return fd;
}

void handover_check(struct handover_reader *r, bool holds)
{
	if (!holds)
		handover_bad(r);
}
