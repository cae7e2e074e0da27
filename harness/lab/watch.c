// SPDX-License-Identifier: MIT
/* The watcher of a lab. */
#include "harness/lab/watch.h"

#include "harness/base/wait.h"
#include "harness/lab/helper.h"
#include "harness/lab/lab.h"
#include "harness/lab/members.h"

static void watch(const struct lab *lab, int owner_pidfd)
{
	if (wait_readable(owner_pidfd, deadline_in_ms(-1)) == 0)
		labproc_kill_all(lab);
}

int labwatch_start(struct lab *lab)
{
	return labhelper_start(&lab->watcher, lab, "lab-watcher", watch);
}

void labwatch_stop(struct lab *lab)
{
	labhelper_stop(&lab->watcher);
}
