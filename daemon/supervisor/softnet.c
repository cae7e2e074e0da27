// SPDX-License-Identifier: MIT
/* softnet.c - /proc/net/softnet_stat (net/core/net-procfs.c of Linux) */
#include "daemon/supervisor/softnet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/base/statpage.h"

#define TEXT_BYTES 262144 /* over 1,500 CPUs */
#define DIGITS     16u

static int digit_of(char ch)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = ch ? strchr(digits, ch) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The next number of the line; *at moves behind it. */
static bool take_number(const char **at, const char *end, uint64_t *value)
{
	unsigned n = 0;

	while (*at < end && **at == ' ')
		++*at;
	*value = 0;
	for (; *at < end && digit_of(**at) >= 0 && n <= DIGITS; ++*at, n++)
		*value = *value << 4 | (unsigned)digit_of(**at);
	return n >= 1 && n <= DIGITS;
}

int softnet_parse(const char *text, size_t len, struct softnet_counts *out)
{
	const char *at = text, *end = text + len;
	struct softnet_counts sum = {0};

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = nl ? nl : end;
		uint64_t packets, dropped, squeezed;

		if (!take_number(&at, line_end, &packets) ||
		    !take_number(&at, line_end, &dropped) || !take_number(&at, line_end, &squeezed))
			return -EBADMSG;
		sum.dropped += dropped;
		sum.squeezed += squeezed;
		at = nl ? nl + 1 : end;
	}
	*out = sum;
	return 0;
}

int softnet_read(struct softnet_counts *out)
{
	static char text[TEXT_BYTES];
	const int fd = open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && len < sizeof(text)) {
		n = read(fd, text + len, sizeof(text) - len);
		if (n > 0)
			len += (size_t)n;
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	return n < 0 ? (int)n : softnet_parse(text, len, out);
}
