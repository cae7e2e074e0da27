/* SPDX-License-Identifier: MIT */
/*
 * control_fixture.h - control's inside with the test as its supervisor
 *
 * The test reads requests from the other end of the channel, writes them down as
 * words and answers them.  Links are put into the table directly.  Include it once,
 * in the file that has main(): it also stands in for the log.
 */
#ifndef TESTS_UNIT_CONTROL_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_CONTROL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/complaint.h"
#include "core/base/statpage.h"
#include "core/rules/ruleset.h"
#include "core/rules/snapshot.h"
#include "core/rules/snapshot_parse.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/load.h"
#include "daemon/control/netif.h"
#include "daemon/control/notice.h"
#include "daemon/control/reach.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

static unsigned warnings; /* and errors that log_msg() was given */

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
	if (s <= SEV_WARNING)
		warnings++;
}

void log_raw(enum log_facility f, const char *fmt, ...)
{
}

void control_notice_restore(struct control_notice *n, uint32_t slot, uint64_t incarnation,
			    unsigned state)
{
}

void log_burst(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
	       const char *fmt, ...)
{
}

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

/* The supervisor's side. */
struct fixture {
	struct control *c;
	int sock;
	enum ipc_request refuse; /* this type is refused ... */
	int with;                /* ... with this errno */
	uint64_t value;          /* of answers to IPC_OPEN_EGRESS_SOCKET */
	int snapshot;            /* the last whole one published */
	int changes;             /* its last changes, -1: none */
	size_t published;        /* bytes of all publications */
	struct filter_file filter;
	struct ipc_iface input;
};

static const char *const words[IPC_LAST_REQUEST + 1] = {
	[IPC_OPEN_INPUT] = "open-in",
	[IPC_CLOSE_INPUT] = "close-in",
	[IPC_OPEN_OUTPUT] = "open-out",
	[IPC_CLOSE_OUTPUT] = "close-out",
	[IPC_OPEN_EGRESS_SOCKET] = "open-egress_socket",
	[IPC_CLOSE_EGRESS_SOCKET] = "close-egress_socket",
	[IPC_SET_FILTER] = "filter",
	[IPC_JOIN] = "join",
	[IPC_LEAVE] = "leave",
	[IPC_BIND] = "bind",
	[IPC_UNBIND] = "unbind",
	[IPC_PUBLISH] = "publish",
	[IPC_STAND_IN] = "stand-in",
	[IPC_RESTART_WORKER] = "restart",
	[IPC_PROBE] = "probe",
};

static inline int setup(void **state)
{
	struct fixture *b = calloc(1, sizeof(*b));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	b->c = calloc(1, sizeof(*b->c));
	b->sock = pair[1];
	b->snapshot = b->changes = -1;
	control_supervisor_init(&b->c->supervisor, pair[0]);
	control_netif_init(&b->c->netif, -1);
	reach_init(&b->c->reach, -1);
	b->c->rules = ruleset_new();
	b->c->heartbeat = calloc(1, sizeof(*b->c->heartbeat));
	b->c->workers = b->c->cpus = 4;
	for (int w = 0; w < 4; w++)
		b->c->worker[w] = (struct control_worker){.running = true, .cpu = w};
	*state = b;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *b = *state;

	close(b->c->supervisor.sock);
	close(b->sock);
	if (b->snapshot >= 0)
		close(b->snapshot);
	if (b->changes >= 0)
		close(b->changes);
	control_supervisor_fini(&b->c->supervisor);
	control_netif_fini(&b->c->netif);
	reach_fini(&b->c->reach);
	control_reconcile_fini(&b->c->rec);
	config_fini(&b->c->settings);
	ruleset_free(b->c->rules);
	free(b->c->heartbeat);
	free(b->c);
	free(b);
	return 0;
}

static inline void set_link(struct fixture *b, uint32_t ifindex, const char *name, bool up)
{
	struct control_netif *n = &b->c->netif;
	struct netif_link *l = (struct netif_link *)control_netif_by_index(n, ifindex);

	if (!l) {
		n->links = realloc(n->links, (n->n_links + 1) * sizeof(*l));
		l = &n->links[n->n_links++];
	}
	*l = (struct netif_link){
		.serial = ifindex, .ifindex = ifindex, .mtu = 1500, .type = ARPHRD_ETHER, .up = up};
	strcpy(l->name, name);
}

static inline void set_addr(struct fixture *b, uint32_t ifindex, const char *text)
{
	struct control_netif *n = &b->c->netif;
	struct netif_addr *a;

	n->addrs = realloc(n->addrs, (n->n_addrs + 1) * sizeof(*a));
	a = &n->addrs[n->n_addrs++];
	*a = (struct netif_addr){.ifindex = ifindex, .prefix_bits = 24};
	assert_int_equal(addr_parse(text, &a->addr), 0);
}

static inline void delete_link(struct fixture *b, uint32_t ifindex)
{
	struct control_netif *n = &b->c->netif;

	for (size_t i = 0; i < n->n_links; i++) {
		if (n->links[i].ifindex == ifindex)
			n->links[i--] = n->links[--n->n_links];
	}
}

static inline void add_rule(struct fixture *b, const char *in, const char *group, uint16_t port,
			    const char *out)
{
	struct rule_output o = {.port = 6000};
	struct rule r = {.n_outputs = 1, .outputs = &o, .priority = RULE_PRIORITY_NORMAL};
	struct complaint cpl = {0};

	strcpy(r.input.interface, in);
	strcpy(o.interface, out);
	assert_int_equal(addr_parse(group, &r.input.group), 0);
	assert_int_equal(addr_parse("239.99.0.1", &o.group), 0);
	r.input.port = port;
	if (ruleset_add(b->c->rules, &r, false, NULL, &cpl) != RULESET_ADDED)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	b->c->rec.publish = true;
}

/* The links in0 (2) and out0 (3), both up, and a rule from one to the other. */
static inline void add_one_rule(struct fixture *b)
{
	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
}

static inline void keep(struct fixture *b, const struct ipc_msg *m, int fd)
{
	if (m->type == IPC_OPEN_INPUT)
		b->input = m->iface;
	if (m->type == IPC_SET_FILTER)
		assert_int_equal(pread(fd, &b->filter, sizeof(b->filter), 0), sizeof(b->filter));
	if (m->type == IPC_PUBLISH) {
		b->published += m->publish.size_bytes;
		if (b->changes >= 0)
			close(b->changes);
		b->changes = m->publish.base ? fd : -1;
		if (!m->publish.base && b->snapshot >= 0)
			close(b->snapshot);
		if (!m->publish.base)
			b->snapshot = fd;
	} else if (fd >= 0) {
		close(fd);
	}
}

/* Serve everything that was sent.  Return: the requests in words. */
static const char *serve(struct fixture *b)
{
	static char text[4096];
	struct ipc_msg m;
	int fd;

	text[0] = '\0';
	while (ipc_recv(b->sock, IPC_FROM_CONTROL, &m, &fd) == 1) {
		struct ipc_msg reply = {.type = IPC_REPLY, .seq = m.seq};

		assert_non_null(words[m.type]);
		if (strlen(text) < sizeof(text) - 64)
			sprintf(text + strlen(text), "%s%s", *text ? " " : "", words[m.type]);
		keep(b, &m, fd);
		reply.reply.request = m.type;
		if (m.type == b->refuse)
			reply.reply.status = -b->with;
		if (m.type == IPC_OPEN_EGRESS_SOCKET)
			reply.reply.value = b->value;
		assert_int_equal(ipc_send(b->sock, &reply, -1), 0);
		assert_int_equal(control_supervisor_recv(&b->c->supervisor, &m, &fd), 1);
	}
	return text;
}

static inline const char *run_at(struct fixture *b, uint64_t now_ns)
{
	assert_int_equal(control_reconcile(b->c, now_ns), 0);
	return serve(b);
}

static inline const char *run(struct fixture *b)
{
	return run_at(b, 1000);
}

static inline struct snapshot_view view_of_file(int fd)
{
	struct snapshot_view v;
	off_t size = lseek(fd, 0, SEEK_END);
	void *mem = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(snapshot_parse(mem, (size_t)size, &v), 0);
	return v; /* stays mapped until the test ends */
}

/* Content of the changes for a slot: its rule, NULL with *removed, or neither. */
static inline const struct snapshot_rule *changed_rule(const struct snapshot_view *v, uint32_t slot,
						       bool *removed)
{
	*removed = false;
	for (uint32_t i = 0; i < v->n_removed; i++)
		*removed |= v->removed[i] == slot;
	for (uint32_t i = 0; i < v->n_rules; i++)
		if (v->rules[i].slot == slot)
			return &v->rules[i];
	return NULL;
}

static inline void copy_rule(struct snapshot_writer *w, const struct snapshot_view *v,
			     const struct snapshot_rule *r)
{
	assert_int_equal(snapshot_add_rule(w, r), 0);
	for (uint32_t i = 0; i < r->n_outputs; i++)
		assert_int_equal(snapshot_add_output(w, &v->outputs[r->first_output + i]), 0);
}

/* Slots of @v that @other does not have, too. */
static inline bool has_slot_in(const struct snapshot_view *v, uint32_t slot)
{
	for (uint32_t i = 0; i < v->n_rules; i++)
		if (v->rules[i].slot == slot)
			return true;
	return false;
}

/* Calls copy_rule() for each rule of the merged set; @w NULL: counts only. */
static inline void merge(const struct snapshot_view *whole, const struct snapshot_view *changes,
			 struct snapshot_writer *w, uint32_t *rules, uint32_t *outputs)
{
	const struct snapshot_view *from[2] = {whole, changes};

	*rules = *outputs = 0;
	for (unsigned k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < from[k]->n_rules; i++) {
			const struct snapshot_rule *r = &from[k]->rules[i], *now = r;
			const struct snapshot_view *v = from[k];
			bool removed = false;

			if (changed_rule(changes, r->slot, &removed) && k == 0) {
				now = changed_rule(changes, r->slot, &removed);
				v = changes;
			}
			/* In its place, or behind all others. */
			if (k == 0 ? removed : !removed && has_slot_in(whole, r->slot))
				continue;
			++*rules;
			*outputs += now->n_outputs;
			if (w)
				copy_rule(w, v, now);
		}
	}
}

/* The rules as they are published: the whole snapshot with its changes. */
static inline struct snapshot_view view_of(struct fixture *b)
{
	struct snapshot_view whole = view_of_file(b->snapshot), changes, v;
	struct snapshot_writer w;
	uint32_t rules, outputs;
	size_t size;
	void *mem;

	if (b->changes < 0)
		return whole;
	changes = view_of_file(b->changes);
	assert_int_equal(changes.base, whole.generation);
	merge(&whole, &changes, NULL, &rules, &outputs);
	size = snapshot_size(changes.n_ifaces, rules, outputs);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	snapshot_begin(&w, mem, changes.n_ifaces, rules, outputs);
	for (uint32_t i = 0; i < changes.n_ifaces; i++)
		snapshot_add_iface(&w, &changes.ifaces[i]);
	merge(&whole, &changes, &w, &rules, &outputs);
	assert_int_equal(snapshot_finish(&w, changes.generation), 0);
	assert_int_equal(snapshot_parse(mem, size, &v), 0);
	return v;
}

/* Keeps the first warning, and how many there were. */
struct warned {
	char text[REASON_MAX];
	unsigned n;
};

static inline bool take_warning(void *ctx, const char *text)
{
	struct warned *w = ctx;

	if (!w->n++)
		snprintf(w->text, sizeof(w->text), "%s", text);
	return true;
}

static inline struct warned warned_of(struct fixture *b, const struct rule *r)
{
	struct warned w = {0};

	control_rule_warnings(b->c, r, true, take_warning, &w);
	return w;
}

static inline void use_settings(struct fixture *b, const char *text)
{
	struct config cfg = {0};
	struct complaint cpl = {0};

	if (config_parse(text, strlen(text), &cfg, &cpl) < 0)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	assert_int_equal(control_settings_merge(b->c, &cfg, true), 0);
	config_fini(&cfg);
}

/* A page as a worker would write it. */
static inline struct worker_page *make_page(struct fixture *b, unsigned w)
{
	struct worker_page *page = calloc(1, sizeof(*page));

	worker_page_init(page);
	page->state = WORKER_RUNNING;
	b->c->stats.worker[w] = (struct stats_page){.mem = page, .size_bytes = sizeof(*page)};
	return page;
}

#endif
