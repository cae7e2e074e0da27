// SPDX-License-Identifier: MIT
/* watch.c - the process that ends a lab whose owner has ended */
#include "harness/lab/watch.h"

#include "harness/base/wait.h"
#include "harness/lab/helper.h"
#include "harness/lab/members.h"
#include "harness/lab/state.h"

static void watch(const struct lab *lab, int owner_pidfd)
{
	if (wait_readable(owner_pidfd, deadline_in_ms(-1)) == 0)
		lab_members_kill(lab);
}

int lab_watch_start(struct lab *lab)
{
	return lab_helper_start(&lab->watcher, lab, "lab-watcher", watch);
}

void lab_watch_stop(struct lab *lab)
{
	lab_helper_stop(&lab->watcher);
}
