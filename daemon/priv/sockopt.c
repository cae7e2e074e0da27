// SPDX-License-Identifier: MIT
/* sockopt.c - setsockopt(2), with its errno as the result */
#include "daemon/priv/sockopt.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/rules/steer.h"

int priv_set_int(int sock, int level, int option, int value)
{
	return setsockopt(sock, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* The "force" variants pass net.core.*mem_max, with CAP_NET_ADMIN. */
void priv_set_buffer(int sock, int forced, int plain, int bytes)
{
	if (priv_set_int(sock, SOL_SOCKET, forced, bytes) < 0)
		priv_set_int(sock, SOL_SOCKET, plain, bytes);
}

int priv_set_filter(int sock, const struct sock_fprog *prog)
{
	return setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, prog, sizeof(*prog)) < 0 ? -errno : 0;
}

int priv_refuse_all(int sock)
{
	struct sock_filter insns[STEER_SMALL_MAX];
	struct sock_fprog prog = {.filter = insns};

	prog.len = (unsigned short)steer_filter_refuse_all(insns);
	return priv_set_filter(sock, &prog);
}

int priv_close_failed(int sock, int ret)
{
	close(sock);
	return ret;
}
