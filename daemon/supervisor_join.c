// SPDX-License-Identifier: MIT
/*
 * supervisor_join.c - memberships, held by sockets that nobody reads
 *
 * A socket may hold net.ipv4.igmp_max_memberships groups (20) and
 * net.ipv4.igmp_max_msf sources of a group (10), so a pool of them is kept for each
 * interface.  What a socket can still take is not computed but tried: the kernel
 * answers ENOBUFS, the socket counts as full until something leaves it, and the next
 * one is tried.  (*,G) and (S,G) go to different sockets, because one socket cannot
 * hold both for the same group.  A socket that holds nothing is closed.
 *
 * A unicast input is a bound socket of its own in the same table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/supervisor.h"

struct helper {
	struct helper *next;
	int fd;
	uint32_t ifindex;
	bool source_specific;
	bool full;
	unsigned members;
};

struct membership {
	struct membership *next;
	struct ipc_join key;
	bool bind;
	int bound_fd;          /* bind: its own socket */
	struct helper *helper; /* else: the one that holds it */
};

/* What makes a membership: the port counts for bound sockets only. */
static struct ipc_join make_key(const struct ipc_join *j, bool bind)
{
	struct ipc_join key;

	memset(&key, 0, sizeof(key));
	key.ifindex = j->ifindex;
	key.group = j->group;
	key.source = j->source;
	key.port = bind ? j->port : 0;
	return key;
}

/* FNV-1a; who can choose the keys is control, which may have as many as it likes anyway. */
static struct membership **find(struct join_table *t, const struct ipc_join *key, bool bind)
{
	const unsigned char *p = (const unsigned char *)key;
	struct membership **at;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ p[i]) * 16777619u;
	for (at = &t->bucket[(hash ^ hash >> 16) % JOIN_BUCKETS]; *at; at = &(*at)->next)
		if ((*at)->bind == bind && !memcmp(&(*at)->key, key, sizeof(*key)))
			break;
	return at;
}

static void helper_drop_empty(struct join_table *t, struct helper *h)
{
	struct helper **at = &t->helpers;

	if (h->members)
		return;
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	close(h->fd);
	free(h);
}

static int helper_new(struct join_table *t, uint32_t ifindex, bool source_specific,
		      struct helper **out)
{
	struct helper *h = calloc(1, sizeof(*h));
	int ret;

	if (!h)
		return -ENOMEM;
	ret = h->fd = priv_helper_socket();
	if (ret < 0) {
		free(h);
		return ret;
	}
	h->ifindex = ifindex;
	h->source_specific = source_specific;
	h->next = t->helpers;
	t->helpers = h;
	*out = h;
	return 0;
}

static int join_group(struct join_table *t, struct membership *m)
{
	bool source_specific = addr_is_set(&m->key.source);
	struct helper *h;
	int ret;

	for (h = t->helpers; h; h = h->next) {
		if (h->full || h->ifindex != m->key.ifindex ||
		    h->source_specific != source_specific)
			continue;
		ret = priv_join(h->fd, &m->key);
		if (ret == 0)
			goto joined;
		if (ret != -ENOBUFS)
			return ret;
		h->full = true;
	}
	ret = helper_new(t, m->key.ifindex, source_specific, &h);
	if (ret < 0)
		return ret;
	ret = priv_join(h->fd, &m->key);
	if (ret < 0) {
		helper_drop_empty(t, h);
		return ret;
	}
joined:
	h->members++;
	m->helper = h;
	return 0;
}

int join_add(struct join_table *t, const struct ipc_join *j, bool bind)
{
	struct ipc_join key = make_key(j, bind);
	struct membership **at = find(t, &key, bind), *m;
	int ret;

	if (*at)
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->key = key;
	m->bind = bind;
	if (bind)
		ret = m->bound_fd = priv_bind_unread(&key);
	else
		ret = join_group(t, m);
	if (ret < 0) {
		free(m);
		return ret;
	}
	*at = m;
	return 0;
}

static void release(struct join_table *t, struct membership *m)
{
	if (m->bind) {
		close(m->bound_fd);
	} else {
		/* Fails when the interface is gone, and the membership with it. */
		priv_leave(m->helper->fd, &m->key);
		m->helper->members--;
		m->helper->full = false;
		helper_drop_empty(t, m->helper);
	}
	free(m);
}

int join_remove(struct join_table *t, const struct ipc_join *j, bool bind)
{
	struct ipc_join key = make_key(j, bind);
	struct membership **at = find(t, &key, bind), *m = *at;

	if (!m)
		return -ENOENT;
	*at = m->next;
	release(t, m);
	return 0;
}

void join_fini(struct join_table *t)
{
	for (unsigned i = 0; i < JOIN_BUCKETS; i++)
		while (t->bucket[i]) {
			struct membership *m = t->bucket[i];

			t->bucket[i] = m->next;
			release(t, m);
		}
}
