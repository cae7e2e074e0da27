// SPDX-License-Identifier: MIT
/* A lab: going into one of its nodes. */
#include <errno.h>
#include <sched.h>

#include "harness/lab/lab.h"

int lab_enter(int userns_fd, int netns_fd)
{
	if (userns_fd >= 0 && setns(userns_fd, CLONE_NEWUSER) < 0)
		return -errno;
	return setns(netns_fd, CLONE_NEWNET) < 0 ? -errno : 0;
}
