// SPDX-License-Identifier: MIT
/*
 * membership.c - a pool of helper sockets for each interface
 *
 * A socket may hold net.ipv4.igmp_max_memberships groups (20) and
 * net.ipv4.igmp_max_msf sources of a group (10), so a pool of them is kept for each
 * interface.  Whether a socket can take one more is not computed but tried: the kernel
 * answers ENOBUFS, the socket counts as full until something leaves it, and the next
 * one is tried.  (*,G) and (S,G) go to different sockets, because one socket cannot
 * hold both for the same group.  A socket that holds nothing is closed.
 *
 * A unicast input is a bound socket of its own in the same table.
 *
 * A control that died may have left memberships of rules that it had just removed.
 * Each one knows the last control that asked for it, so that the next control, which
 * asks for all it needs, only has to say that it has done so.
 */
#include "daemon/supervisor/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/ipc.h"
#include "core/base/join_table.h"
#include "daemon/priv/socket.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/handover_field.h"
#include "daemon/supervisor/igmp_list.h"
#include "daemon/supervisor/state.h"

struct helper {
	struct helper *next;
	int fd;
	uint32_t ifindex;
	bool source_specific;
	bool full;
	unsigned members;
	unsigned wanted; /* in membership_drop_others(): members that this control has asked for */
};

struct membership {
	struct join_entry entry;
	unsigned round;        /* the last control that asked for it */
	int bound_fd;          /* bind: its own socket */
	struct helper *helper; /* else: the one that holds it */
};

/* The port counts for bound sockets only. */
static struct ipc_join key_of(const struct ipc_join *j, bool bind)
{
	return join_key(j->ifindex, &j->group, &j->source, bind ? j->port : 0);
}

/* The one after @m, as join_next(). */
static struct membership *next_of(const struct membership_table *t, const struct membership *m)
{
	return (struct membership *)join_next(&t->joins, m ? &m->entry : NULL);
}

static void helper_drop_empty(struct membership_table *t, struct helper *h)
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

static int helper_new(struct membership_table *t, uint32_t ifindex, bool source_specific,
		      struct helper **out)
{
	struct helper *h = calloc(1, sizeof(*h));
	int ret;

	if (!h)
		return -ENOMEM;
	ret = h->fd = descriptor_or_refuse(priv_helper_socket());
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

static int join_group(struct membership_table *t, struct membership *m)
{
	bool source_specific = addr_is_set(&m->entry.key.source);
	struct helper *h;
	int ret;

	for (h = t->helpers; h; h = h->next) {
		if (h->full || h->ifindex != m->entry.key.ifindex ||
		    h->source_specific != source_specific)
			continue;
		ret = priv_join(h->fd, &m->entry.key);
		if (ret == 0)
			goto joined;
		if (ret != -ENOBUFS)
			return ret;
		h->full = true;
	}
	ret = helper_new(t, m->entry.key.ifindex, source_specific, &h);
	if (ret < 0)
		return ret;
	ret = priv_join(h->fd, &m->entry.key);
	if (ret < 0) {
		helper_drop_empty(t, h);
		return ret;
	}
joined:
	h->members++;
	m->helper = h;
	return 0;
}

bool membership_has(struct membership_table *t, const struct ipc_join *j, bool bind)
{
	const struct ipc_join key = key_of(j, bind);

	return *join_find(&t->joins, &key, bind) != NULL;
}

int membership_add(struct membership_table *t, const struct ipc_join *j, bool bind)
{
	struct ipc_join key = key_of(j, bind);
	struct join_entry **at = join_find(&t->joins, &key, bind);
	struct membership *m = (struct membership *)*at;
	int ret;

	if (m) {
		m->round = t->round;
		return 0;
	}
	if (t->joins.n == MEMBERSHIPS_MAX)
		return -EDQUOT;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->entry.key = key;
	m->entry.bind = bind;
	m->round = t->round;
	if (bind)
		ret = m->bound_fd = descriptor_or_refuse(priv_bind_unread(&key));
	else
		ret = join_group(t, m);
	if (ret < 0) {
		free(m);
		return ret;
	}
	join_add(&t->joins, at, &m->entry);
	return 0;
}

/* @m: freed; it is in no table any more */
static void release(struct membership_table *t, struct membership *m)
{
	if (m->entry.bind) {
		close(m->bound_fd);
	} else {
		/* Fails when the interface is gone, and the membership with it. */
		priv_leave(m->helper->fd, &m->entry.key);
		m->helper->members--;
		m->helper->full = false;
		helper_drop_empty(t, m->helper);
	}
	free(m);
}

int membership_remove(struct membership_table *t, const struct ipc_join *j, bool bind)
{
	struct ipc_join key = key_of(j, bind);
	struct join_entry **at = join_find(&t->joins, &key, bind);

	if (!*at)
		return -ENOENT;
	release(t, (struct membership *)join_take(&t->joins, at));
	return 0;
}

static void count_wanted(struct membership_table *t)
{
	for (struct helper *h = t->helpers; h; h = h->next)
		h->wanted = 0;
	for (struct membership *m = NULL; (m = next_of(t, m));)
		if (!m->entry.bind && m->round == t->round)
			m->helper->wanted++;
}

/*
 * Sockets of which no member is wanted are closed whole, the newest first: see membership_fini().
 * Their members then have nothing to leave.
 */
static void close_unwanted(struct membership_table *t)
{
	struct helper **at = &t->helpers;

	count_wanted(t);
	while (*at) {
		struct helper *h = *at;

		if (h->wanted) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		close(h->fd);
		h->fd = -1;
		h->next = NULL;
	}
}

/* The socket has been closed; its last member takes it along. */
static void forget(struct membership *m)
{
	if (--m->helper->members == 0)
		free(m->helper);
	free(m);
}

static bool keep_wanted(void *ctx, struct join_entry *e)
{
	struct membership *m = (struct membership *)e;
	struct membership_table *t = ctx;

	if (m->round == t->round)
		return true;
	if (m->entry.bind || m->helper->fd >= 0)
		release(t, m);
	else
		forget(m);
	return false;
}

unsigned membership_drop_others(struct membership_table *t)
{
	close_unwanted(t);
	return join_each(&t->joins, keep_wanted, t);
}

static bool is_lost(const struct membership *m, const struct igmp_list *have)
{
	return !m->entry.bind &&
	       !igmp_list_has(have, m->entry.key.ifindex, addr_ipv4_be(&m->entry.key.group));
}

unsigned membership_count_lost(const struct membership_table *t, const struct igmp_list *have)
{
	unsigned n = 0;

	for (const struct membership *m = NULL; (m = next_of(t, m));)
		n += is_lost(m, have);
	return n;
}

struct lost {
	struct membership_table *t;
	const struct igmp_list *first, *second;
};

static bool keep_present(void *ctx, struct join_entry *e)
{
	struct membership *m = (struct membership *)e;
	const struct lost *l = ctx;

	if (!is_lost(m, l->first) || !is_lost(m, l->second))
		return true;
	release(l->t, m);
	return false;
}

unsigned membership_drop_lost(struct membership_table *t, const struct igmp_list *first,
			      const struct igmp_list *second)
{
	return join_each(&t->joins, keep_present, &(struct lost){t, first, second});
}

static bool free_one(void *ctx, struct join_entry *e)
{
	struct membership *m = (struct membership *)e;

	if (m->entry.bind)
		close(m->bound_fd);
	free(m);
	return false;
}

/*
 * The newest socket first, and no membership by itself: the kernel looks for each one in
 * a list that begins with the newest.  16,384 of them take 20 ms so, 5 s the other way.
 */
void membership_fini(struct membership_table *t)
{
	join_each(&t->joins, free_one, NULL);
	while (t->helpers) {
		struct helper *h = t->helpers;

		t->helpers = h->next;
		close(h->fd);
		free(h);
	}
}

/* --- over an exec --- */

struct saved_helper {
	uint32_t ifindex;
	uint32_t source_specific, full, members;
};

struct saved_membership {
	struct ipc_join key;
	uint32_t bind;
};

/* Each helper is followed by its members; the bound sockets stand at the end. */
static void save_members(const struct membership_table *t, const struct helper *h,
			 struct handover_writer *w)
{
	for (const struct membership *m = NULL; (m = next_of(t, m));) {
		struct saved_membership saved;

		if (h ? m->entry.bind || m->helper != h : !m->entry.bind)
			continue;
		memset(&saved, 0, sizeof(saved));
		saved.key = m->entry.key;
		saved.bind = m->entry.bind;
		handover_put(w, &saved, sizeof(saved));
		if (m->entry.bind)
			handover_put_fd(w, m->bound_fd);
	}
}

static unsigned count_bound(const struct membership_table *t)
{
	unsigned n = 0;

	for (const struct membership *m = NULL; (m = next_of(t, m));)
		n += m->entry.bind;
	return n;
}

void membership_save(const struct membership_table *t, struct handover_writer *w)
{
	uint32_t n_helpers = 0, n_bound = count_bound(t);

	for (const struct helper *h = t->helpers; h; h = h->next)
		n_helpers++;
	handover_put(w, &n_helpers, sizeof(n_helpers));
	for (const struct helper *h = t->helpers; h; h = h->next) {
		struct saved_helper saved = {h->ifindex, h->source_specific, h->full, h->members};

		handover_put(w, &saved, sizeof(saved));
		handover_put_fd(w, h->fd);
		save_members(t, h, w);
	}
	handover_put(w, &n_bound, sizeof(n_bound));
	save_members(t, NULL, w);
}

static void restore_membership(struct membership_table *t, struct helper *h,
			       struct handover_reader *r)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = h ? IPC_JOIN : IPC_BIND}, out;
	struct saved_membership saved;
	struct join_entry **at;
	struct membership *m;
	int fd = -1;

	handover_get(r, &saved, sizeof(saved));
	if (!h)
		fd = handover_get_fd(r, FD_UDP, 0);
	msg.join = saved.key;
	if (t->joins.n == MEMBERSHIPS_MAX || saved.bind != !h || (!h && fd < 0) ||
	    ipc_parse(&msg, sizeof(msg), 0, IPC_FROM_CONTROL, &out) < 0 ||
	    (h && (saved.key.ifindex != h->ifindex ||
		   addr_is_set(&saved.key.source) != h->source_specific)))
		handover_bad(r);
	at = join_find(&t->joins, &saved.key, !h);
	m = r->error || *at ? NULL : calloc(1, sizeof(*m));
	if (!m) {
		handover_bad(r);
		return;
	}
	*m = (struct membership){
		.entry = {.key = saved.key, .bind = !h}, .bound_fd = fd, .helper = h};
	if (h)
		h->members++;
	join_add(&t->joins, at, &m->entry);
}

/* At the end, so that the newest stays the first. */
static void restore_helper(struct membership_table *t, struct handover_reader *r)
{
	struct helper **at = &t->helpers, *h;
	struct saved_helper saved;
	int fd;

	handover_get(r, &saved, sizeof(saved));
	fd = handover_get_fd(r, FD_UDP, 0);
	if (fd < 0 || saved.members == 0 || saved.source_specific > 1 || saved.full > 1)
		handover_bad(r);
	h = r->error ? NULL : calloc(1, sizeof(*h));
	if (!h) {
		handover_bad(r);
		return;
	}
	*h = (struct helper){.fd = fd,
			     .ifindex = saved.ifindex,
			     .source_specific = saved.source_specific,
			     .full = saved.full};
	while (*at)
		at = &(*at)->next;
	*at = h;
	for (uint32_t i = 0; i < saved.members && !r->error; i++)
		restore_membership(t, h, r);
}

void membership_restore(struct membership_table *t, struct handover_reader *r)
{
	uint32_t n;

	handover_get(r, &n, sizeof(n));
	for (uint32_t i = 0; i < n && !r->error; i++)
		restore_helper(t, r);
	handover_get(r, &n, sizeof(n));
	for (uint32_t i = 0; i < n && !r->error; i++)
		restore_membership(t, NULL, r);
}
