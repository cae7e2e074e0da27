// SPDX-License-Identifier: MIT
/*
 * igmp_list.c - the text of /proc/net/igmp, parsed and sorted
 *
 * The text is a heading, and then a line for each interface ("2<tab>eth0      :     1
 * V3"), followed by a line for each of its groups, which begins with tabs ("010101EF     1
 * 0:00000000"): the address as the host's word of its bytes, in hexadecimal.
 */
#include "daemon/supervisor/igmp_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_STEP_BYTES 65536
#define READ_MAX_BYTES  (64u << 20)

static int append(struct igmp_list *list, uint32_t ifindex, uint32_t group_be)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct igmp_entry *p = realloc(list->entries, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		list->entries = p;
		list->cap = cap;
	}
	list->entries[list->n++] = (struct igmp_entry){ifindex, group_be};
	return 0;
}

/* A number at the line's beginning, in @base, up to a blank.  False when there is none. */
static bool number(const char *at, const char *end, unsigned base, uint32_t *out)
{
	uint64_t value = 0;
	const char *p = at;

	for (; p < end && *p != ' ' && *p != '\t'; p++) {
		const char *digits = "0123456789ABCDEF";
		const char *d = *p ? strchr(digits, *p) : NULL;

		if (!d || (unsigned)(d - digits) >= base)
			return false;
		value = value * base + (unsigned)(d - digits);
		if (value > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)value;
	return p > at && p < end;
}

/* @ifindex: of the last interface, 0 before the first one */
static int parse_line(const char *at, const char *end, uint32_t *ifindex, struct igmp_list *list)
{
	uint32_t group_be;

	if (*at != '\t')
		return number(at, end, 10, ifindex) && *ifindex ? 0 : -EBADMSG;
	while (at < end && *at == '\t')
		at++;
	if (!*ifindex || !number(at, end, 16, &group_be))
		return -EBADMSG;
	return append(list, *ifindex, group_be);
}

static int compare(const void *a, const void *b)
{
	const struct igmp_entry *x = a, *y = b;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return (x->group_be > y->group_be) - (x->group_be < y->group_be);
}

int igmp_list_parse(const char *text, size_t len, struct igmp_list *list)
{
	const char *at = text, *const end = text + len;
	uint32_t ifindex = 0;
	bool heading = true;
	int ret = 0;

	while (at < end && ret == 0) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		if (!nl || nl == at)
			ret = -EBADMSG;
		else if (!heading)
			ret = parse_line(at, nl, &ifindex, list);
		heading = false;
		at = nl ? nl + 1 : end;
	}
	if (ret < 0) {
		igmp_list_fini(list);
		return ret;
	}
	if (list->n)
		qsort(list->entries, list->n, sizeof(*list->entries), compare);
	return 0;
}

/* Return: bytes, in @text, to be freed; negative errno. */
static ssize_t read_all(int fd, char **text)
{
	size_t len = 0, cap = 0;
	char *buf = NULL;
	ssize_t n;

	do {
		if (cap - len < READ_STEP_BYTES) {
			char *p = realloc(buf, cap + READ_STEP_BYTES + cap / 2);

			if (!p || cap > READ_MAX_BYTES) {
				free(p ? p : buf);
				return -ENOMEM;
			}
			buf = p;
			cap += READ_STEP_BYTES + cap / 2;
		}
		n = read(fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			free(buf);
			return n;
		}
		len += (size_t)n;
	} while (n);
	*text = buf;
	return (ssize_t)len;
}

int igmp_list_read(struct igmp_list *list)
{
	int fd = open("/proc/net/igmp", O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	ssize_t len;
	int ret;

	if (fd < 0)
		return -errno;
	len = read_all(fd, &text);
	close(fd);
	if (len < 0)
		return (int)len;
	ret = igmp_list_parse(text, (size_t)len, list);
	free(text);
	return ret;
}

bool igmp_list_has(const struct igmp_list *list, uint32_t ifindex, uint32_t group_be)
{
	const struct igmp_entry key = {ifindex, group_be};

	return list->n && bsearch(&key, list->entries, list->n, sizeof(key), compare) != NULL;
}

void igmp_list_fini(struct igmp_list *list)
{
	free(list->entries);
	*list = (struct igmp_list){0};
}
