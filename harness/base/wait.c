// SPDX-License-Identifier: MIT
/* wait.c - the clock, and poll(2) with a deadline */
#include "harness/base/wait.h"

#include "harness/base/slow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

struct deadline deadline_in_ms(int64_t ms)
{
	if (ms < 0)
		return (struct deadline){.at_ns = UINT64_MAX};
	return deadline_after_ms(ms * slow_factor());
}

struct deadline deadline_after_ms(int64_t ms)
{
	return (struct deadline){.at_ns = monotonic_ns() + (uint64_t)ms * NS_PER_MS};
}

int deadline_left_ms(struct deadline deadline)
{
	uint64_t now_ns = monotonic_ns();
	uint64_t left_ms;

	if (deadline.at_ns == UINT64_MAX)
		return -1;
	if (now_ns >= deadline.at_ns)
		return 0;
	left_ms = (deadline.at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

bool deadline_passed(struct deadline deadline)
{
	return monotonic_ns() >= deadline.at_ns;
}

int wait_readable(int fd, struct deadline deadline)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	for (;;) {
		int n = poll(&pfd, 1, deadline_left_ms(deadline));

		if (n > 0)
			return 0;
		if (n == 0 && deadline_passed(deadline))
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

void wait_ms(unsigned ms)
{
	struct deadline deadline = deadline_after_ms(ms);

	while (!deadline_passed(deadline))
		poll(NULL, 0, deadline_left_ms(deadline));
}
