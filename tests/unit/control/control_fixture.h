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
	int snapshot;            /* the last one published */
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
	b->snapshot = -1;
	control_super_init(&b->c->super, pair[0]);
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

	close(b->c->super.sock);
	close(b->sock);
	if (b->snapshot >= 0)
		close(b->snapshot);
	control_super_fini(&b->c->super);
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

static inline void keep(struct fixture *b, const struct ipc_msg *m, int fd)
{
	if (m->type == IPC_OPEN_INPUT)
		b->input = m->iface;
	if (m->type == IPC_SET_FILTER)
		assert_int_equal(pread(fd, &b->filter, sizeof(b->filter), 0), sizeof(b->filter));
	if (m->type == IPC_PUBLISH) {
		if (b->snapshot >= 0)
			close(b->snapshot);
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
		assert_int_equal(control_super_recv(&b->c->super, &m, &fd), 1);
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

static inline struct snapshot_view view_of(struct fixture *b)
{
	struct snapshot_view v;
	off_t size = lseek(b->snapshot, 0, SEEK_END);
	void *mem = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, b->snapshot, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(snapshot_parse(mem, (size_t)size, &v), 0);
	return v; /* stays mapped until the test ends */
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
