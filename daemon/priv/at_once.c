// SPDX-License-Identifier: MIT
/*
 * at_once.c - calls that wait for the kernel, several at the same time
 *
 * Giving a packet socket its ring, and closing one, waits until no processor can still see
 * what changed (synchronize_net()): 10 to 30 ms each, and with 64 workers a second for each
 * interface.  Callers who wait at the same time share one wait, so each call is made by a
 * thread that lives no longer than the call.  The process has one thread before and after.
 * Where no thread can be had the calls are made one after the other.
 */
#include "daemon/priv/at_once.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#define AT_ONCE_MAX 64u

struct call {
	int (*fn)(int fd);
	int fd, ret;
	bool started;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct call *c = arg;

	c->ret = c->fn(c->fd);
	return NULL;
}

/* All but the first, which this thread calls itself. */
static int run_some(int (*fn)(int fd), const int *fds, unsigned n)
{
	struct call call[AT_ONCE_MAX];
	int ret = 0;

	for (unsigned i = 0; i < n; i++) {
		call[i] = (struct call){.fn = fn, .fd = fds[i]};
		call[i].started =
			i > 0 && pthread_create(&call[i].thread, NULL, run, &call[i]) == 0;
	}
	for (unsigned i = 0; i < n; i++) {
		if (call[i].started)
			pthread_join(call[i].thread, NULL);
		else
			run(&call[i]);
		if (ret == 0)
			ret = call[i].ret;
	}
	return ret;
}

int priv_at_once(int (*fn)(int fd), const int *fds, unsigned n)
{
	int ret = 0;

	for (unsigned at = 0; at < n; at += AT_ONCE_MAX) {
		int some = run_some(fn, fds + at, n - at < AT_ONCE_MAX ? n - at : AT_ONCE_MAX);

		if (ret == 0)
			ret = some;
	}
	return ret;
}
