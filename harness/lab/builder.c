// SPDX-License-Identifier: MIT
/* builder.c - errors and netlink sockets of a lab that is being built */
#include "harness/lab/builder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int lab_builder_fail(struct lab_builder *b, int ret, const char *format, ...)
{
	char *text = b->error->text;
	size_t size = sizeof(b->error->text);
	va_list args;
	int used;

	va_start(args, format);
	used = vsnprintf(text, size, format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, ": %s", strerror(-ret));
	return ret;
}

int lab_builder_open(struct lab_builder *b, unsigned i)
{
	int ret;

	b->ethtool_fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = b->ethtool_fds[i] < 0 ? -errno : rtnl_open(&b->rtnl[i]);
	return ret < 0 ? lab_builder_fail(b, ret, "netlink") : 0;
}
