// SPDX-License-Identifier: MIT
/* enter.c - setns(2) into the user namespace, then into the network namespace */
#include "harness/lab/enter.h"

#include <errno.h>
#include <sched.h>

int lab_enter(int userns_fd, int netns_fd)
{
	if (userns_fd >= 0 && setns(userns_fd, CLONE_NEWUSER) < 0)
		return -errno;
	return setns(netns_fd, CLONE_NEWNET) < 0 ? -errno : 0;
}
