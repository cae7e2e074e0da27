// SPDX-License-Identifier: MIT
/* memory.c - the limit, and the look at the heap */
#include "daemon/control/memory.h"

#include <errno.h>
#include <malloc.h>
#include <sys/resource.h>

#include "daemon/common/log.h"

#ifdef MCR_SANITIZED
/* A sanitizer has memory of its own, terabytes of addresses. */
int control_memory_limit(void)
{
	return 0;
}

void control_memory_check(void)
{
}
#else
/* Private memory that can be written: RLIMIT_DATA (setrlimit(2)).  Shared pages do not count. */
int control_memory_limit(void)
{
	const struct rlimit limit = {CONTROL_MEMORY_MAX, CONTROL_MEMORY_MAX};

	return setrlimit(RLIMIT_DATA, &limit) < 0 ? -errno : 0;
}

void control_memory_check(void)
{
	const struct mallinfo2 heap = mallinfo2();
	const size_t bytes = heap.uordblks + heap.hblkhd;

	if (bytes > CONTROL_MEMORY_RESTART)
		die(FAC_SUPERVISOR,
		    "control has %zu MiB of memory, more than the %zu MiB that the largest rule "
		    "set "
		    "and its clients can need; restarting",
		    bytes >> 20, CONTROL_MEMORY_RESTART >> 20);
}
#endif
