// SPDX-License-Identifier: MIT
/* descriptor_reserve.c - the number of a descriptor tells how many are left */
#include "daemon/supervisor/descriptor_reserve.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

static unsigned reserve;

void descriptor_reserve_set(unsigned n)
{
	reserve = n;
}

unsigned descriptor_budget(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return INT_MAX;
	if (rl.rlim_cur < rl.rlim_max) {
		const struct rlimit raised = {rl.rlim_max, rl.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			rl = raised;
	}
	if (rl.rlim_cur > INT_MAX)
		rl.rlim_cur = INT_MAX;
	return rl.rlim_cur > reserve ? (unsigned)rl.rlim_cur - reserve : 0;
}

int descriptor_or_refuse(int fd)
{
	if (fd < 0 || (unsigned)fd < descriptor_budget())
		return fd;
	close(fd);
	return -EMFILE;
}
