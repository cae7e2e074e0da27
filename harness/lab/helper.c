// SPDX-License-Identifier: MIT
/* helper.c - start a helper process, and stop it */
#include "harness/lab/helper.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/decimal.h"
#include "harness/lab/state.h"

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Any other descriptor could keep a pipe of the caller open for as long as the lab is up. */
static void close_all_but(int *needed, size_t n)
{
	unsigned next = 0;

	qsort(needed, n, sizeof(*needed), ascending);
	for (size_t i = 0; i < n; i++) {
		if (needed[i] < 0)
			continue;
		if (next < (unsigned)needed[i])
			close_range(next, (unsigned)needed[i] - 1, 0);
		next = (unsigned)needed[i] + 1;
	}
	close_range(next, ~0u, 0);
}

static void keep_only(const struct lab *lab, int owner_pidfd)
{
	int keep[TOPO_MAX_NODES + 2 * TOPO_MAX_TUNS + 1];
	size_t n = 0;

	for (unsigned i = 0; i < lab->n_netns; i++)
		keep[n++] = lab->netns_fds[i];
	for (unsigned i = 0; i < lab->n_tun_fds; i++)
		keep[n++] = lab->tun_fds[i];
	keep[n++] = owner_pidfd;
	close_all_but(keep, n);
}

/*
 * Sets the name in ps.  The inherited command line is that of the owner; it is overwritten in
 * place, between the addresses in fields 48 and 49 of /proc/self/stat.
 */
static void take_name(const char *name)
{
	FILE *file = fopen("/proc/self/stat", "re");
	uint64_t start = 0;
	uint64_t end = 0;
	const char *rest;
	char text[1024] = "";
	char *word = NULL;

	prctl(PR_SET_NAME, name);
	if (file && fgets(text, sizeof(text), file))
		word = strrchr(text, ')');
	if (file)
		fclose(file);
	/* Behind the name in brackets stands field 3. */
	for (unsigned field = 3; word && field <= 49; field++) {
		word = strchr(word + 1, ' ');
		if (word && field == 48)
			decimal_read(word + 1, ULONG_MAX, &start, &rest);
		else if (word && field == 49)
			decimal_read(word + 1, ULONG_MAX, &end, &rest);
	}
	if (!start || end <= start)
		return;
	memset((void *)start, 0, end - start);
	memcpy((void *)start, name, strnlen(name, end - start - 1));
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

int lab_helper_start(struct lab_helper *helper, const struct lab *lab, const char *name,
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
		take_name(name);
		ignore_terminal();
		keep_only(lab, owner_pidfd);
		serve(lab, owner_pidfd);
		_exit(0);
	}
	if (helper->pid < 0)
		ret = -errno;
	close(owner_pidfd);
	if (ret < 0) {
		helper->pid = 0;
		return ret;
	}
	helper->pidfd = pidfd_open(helper->pid, 0);
	if (helper->pidfd < 0) {
		ret = -errno;
		lab_helper_stop(helper);
	}
	return ret;
}

void lab_helper_stop(struct lab_helper *helper)
{
	if (helper->pid <= 0)
		return;
	kill(helper->pid, SIGKILL); /* our child, not waited for: the pid is still its own */
	waitpid(helper->pid, NULL, 0);
	if (helper->pidfd >= 0)
		close(helper->pidfd);
	*helper = (struct lab_helper){0};
}
