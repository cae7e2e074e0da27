// SPDX-License-Identifier: MIT
/*
 * hostile_supervisor.c - what a child must stand although only the supervisor can do it
 *
 * MCR_HOSTILE_SUPERVISOR:
 *   seals  every file that control publishes passes for sealed
 *   exec   the exec of an upgrade fails after everything has been prepared for it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/ipc.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/request.h"
#include "tests/hostile/hostile.h"

void __real_request_read(struct supervisor *s);
void __wrap_request_read(struct supervisor *s);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* All arguments are passed on, also those that the caller did not give: no fault of theirs. */
#define PASSES_ON __attribute__((no_sanitize("address", "undefined")))

static bool serving; /* only the supervisor ever does */

void __wrap_request_read(struct supervisor *s)
{
	serving = true;
	__real_request_read(s);
	serving = false;
}

PASSES_ON int __wrap_fcntl(int fd, int command, ...)
{
	va_list ap;
	long arg;

	va_start(ap, command);
	arg = va_arg(ap, long);
	va_end(ap);
	if (serving && command == F_GET_SEALS &&
	    hostile_is_asked("MCR_HOSTILE_SUPERVISOR", "seals"))
		return MEMFD_ALL_SEALS;
	return __real_fcntl(fd, command, arg);
}

static bool is_upgrade(char *const *argv)
{
	return argv[0] && argv[1] && !strncmp(argv[1], ARG_RESUME, sizeof(ARG_RESUME) - 1);
}

PASSES_ON long __wrap_syscall(long number, ...)
{
	long arg[6];
	va_list ap;

	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_execveat && is_upgrade((char *const *)arg[2]) &&
	    hostile_is_asked("MCR_HOSTILE_SUPERVISOR", "exec")) {
		errno = ENOMEM;
		return -1;
	}
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
