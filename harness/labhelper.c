// SPDX-License-Identifier: MIT
/* The helper processes of a lab. */
#include "harness/labhelper.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/lab.h"

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* A descriptor too many would keep somebody's pipe open, for as long as the lab is up. */
static void close_all_but(int *keep, size_t n)
{
	unsigned int next = 0;

	qsort(keep, n, sizeof(*keep), ascending);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < 0)
			continue;
		if (next < (unsigned int)keep[i])
			close_range(next, (unsigned int)keep[i] - 1, 0);
		next = (unsigned int)keep[i] + 1;
	}
	close_range(next, ~0u, 0);
}

static void keep_only(const struct lab *lab, int owner_pidfd)
{
	int keep[TOPO_MAX_NODES + 2 * TOPO_MAX_TUNS + 1];
	size_t n = 0;

	for (unsigned int i = 0; i < lab->n_netns; i++)
		keep[n++] = lab->netns_fds[i];
	for (unsigned int i = 0; i < lab->n_tun_fds; i++)
		keep[n++] = lab->tun_fds[i];
	keep[n++] = owner_pidfd;
	close_all_but(keep, n);
}

static void ignore_terminal(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int labhelper_start(struct lab_helper *helper, const struct lab *lab, const char *name,
		    void (*serve)(const struct lab *lab, int owner_pidfd))
{
	int owner_pidfd = pidfd_open(getpid(), 0);
	int ret = 0;

	*helper = (struct lab_helper){0};
	if (owner_pidfd < 0)
		return -errno;
	helper->pid = fork();
	if (helper->pid == 0) {
		setsid();
		prctl(PR_SET_NAME, name);
		ignore_terminal();
		keep_only(lab, owner_pidfd);
		serve(lab, owner_pidfd);
		_exit(0);
	}
	if (helper->pid < 0)
		ret = -errno;
	close(owner_pidfd);
	if (ret) {
		helper->pid = 0;
		return ret;
	}
	helper->pidfd = pidfd_open(helper->pid, 0);
	if (helper->pidfd < 0) {
		ret = -errno;
		labhelper_stop(helper);
	}
	return ret;
}

void labhelper_stop(struct lab_helper *helper)
{
	if (helper->pid <= 0)
		return;
	kill(helper->pid, SIGKILL); /* our child, not waited for: the pid is still its own */
	waitpid(helper->pid, NULL, 0);
	if (helper->pidfd >= 0)
		close(helper->pidfd);
	*helper = (struct lab_helper){0};
}
