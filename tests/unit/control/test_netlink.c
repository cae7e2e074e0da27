// SPDX-License-Identifier: MIT
/*
 * test_netlink.c - what netlink could not be taken is logged
 *
 * Links: daemon/control/netlink.c daemon/control/netif.c daemon/control/netif_parse.c
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c
 * Links: daemon/control/reach_keep.c
 * Links: daemon/control/supervisor_channel.c core/base/addr.c core/base/clock.c core/base/ipc.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "daemon/common/log.h"
#include "daemon/control/netif.h"
#include "daemon/control/netlink.h"
#include "daemon/control/reach.h"
#include "daemon/control/state.h"

static unsigned lines;
static char last[256];

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
	va_list ap;

	assert_int_equal(s, SEV_WARNING);
	lines++;
	va_start(ap, fmt);
	vsnprintf(last, sizeof(last), fmt, ap);
	va_end(ap);
}

void die(enum log_facility f, const char *fmt, ...)
{
	abort();
}

/* Control with two sockets on which the test is the kernel. */
struct host {
	struct control *c;
	int links, routes;
};

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));
	int links[2], routes[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, links), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, routes), 0);
	h->c = calloc(1, sizeof(*h->c));
	h->links = links[1];
	h->routes = routes[1];
	control_netif_init(&h->c->netif, links[0]);
	reach_init(&h->c->reach, routes[0]);
	lines = 0;
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct host *h = *state;

	close(h->links);
	close(h->routes);
	close(h->c->netif.sock);
	close(h->c->reach.sock);
	control_netif_fini(&h->c->netif);
	reach_fini(&h->c->reach);
	free(h->c);
	free(h);
	return 0;
}

static void test_quiet(void **state)
{
	struct host *h = *state;

	control_netlink_read_links(h->c, 1);
	control_netlink_read_routes(h->c, 1);
	assert_int_equal(lines, 0);
}

/* A table that is full: one line, and none when nothing more was left out. */
static void test_full_table(void **state)
{
	static const char link[] = "\x28\0\0\0\x10\0\0\0" /* RTM_NEWLINK */
				   "\0\0\0\0\0\0\0\0"
				   "\0\0\x01\0\x00\x01\0\0" /* ifindex 256 */
				   "\0\0\0\0\0\0\0\0"
				   "\x07\0\x03\0x0\0"; /* IFLA_IFNAME "x0", and padding */
	struct host *h = *state;
	struct control_netif *n = &h->c->netif;

	n->links = calloc(NETIF_MAX_LINKS, sizeof(*n->links));
	n->n_links = n->cap_links = NETIF_MAX_LINKS;
	assert_int_equal(send(h->links, link, sizeof(link), 0), sizeof(link));
	control_netlink_read_links(h->c, 1);
	assert_int_equal(n->ignored, 1);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last, "more than 4096 links"));
	control_netlink_read_links(h->c, 2);
	assert_int_equal(lines, 1);
}

static void test_malformed(void **state)
{
	struct host *h = *state;

	assert_int_equal(send(h->links, "nonsense", 8, 0), 8);
	control_netlink_read_links(h->c, 1);
	assert_string_equal(last, "netlink: malformed messages of the kernel, ignored: 1");
	assert_int_equal(send(h->routes, "nonsense", 8, 0), 8);
	control_netlink_read_routes(h->c, 1);
	assert_int_equal(lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_quiet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
