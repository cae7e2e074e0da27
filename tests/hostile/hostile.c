// SPDX-License-Identifier: MIT
/* hostile.c - what the hostile children share: whether to begin, and how to say what happened */
#include "tests/hostile/hostile.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not through the log, which may leave lines out. */
void hostile_say(const char *who, const char *what, long result)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "hostile %s: %s = %ld\n", who, what, result);

	/* The pipe to the supervisor is emptied by it. */
	while (write(STDERR_FILENO, line, (size_t)n) != n) {
		struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};

		if (errno != EAGAIN || poll(&room, 1, 5000) != 1)
			abort();
	}
}

bool hostile_is_asked(const char *name, const char *what)
{
	const char *value = getenv(name);

	return value && !strcmp(value, what);
}

long hostile_result(long ret)
{
	return ret < 0 ? -errno : ret;
}
