/* SPDX-License-Identifier: MIT */
/*
 * priv_fake.h - the supervisor's sockets and interface settings, without the rights for them
 *
 * Every call that makes or changes a socket succeeds with a descriptor of no use, unless
 * @fake says otherwise; GRO is a variable.  Define the functions once: include it in one
 * file of a program, after cmocka.h.
 */
#ifndef TESTS_UNIT_SUPERVISOR_PRIV_FAKE_H
#define TESTS_UNIT_SUPERVISOR_PRIV_FAKE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "core/rules/steer.h"
#include "daemon/priv/gro.h"
#include "daemon/priv/neigh.h"
#include "daemon/priv/packet.h"
#include "daemon/priv/socket.h"
#include "daemon/priv/sockopt.h"

/* Arguments of the replaced calls, and their results. */
static struct {
	int packet_sockets, fail_packet_socket_at;
	char made[16];             /* a letter for each socket of an input: p(acket), c(ounting) */
	int filters, filter_error; /* of a program of more than STEER_SMALL_MAX instructions */
	struct priv_gro_state gro;
	int gro_sets, gro_error;
	bool counts[1024]; /* descriptors of counting sockets */
	int probes, probe_error, managed, released;
	int bound_to; /* the device of every packet socket */
	int group_error, fanout_error;
	enum steering steering;
	uint8_t members[64]; /* of the last program */
	unsigned n_members;
	int copied;       /* filters */
	uint32_t queued;  /* frames in the next queue that is emptied */
	uint32_t counted; /* what each of them counts between two readings */
} fake;

static int some_fd(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void note_made(const char *letter)
{
	if (strlen(fake.made) + 1 < sizeof(fake.made))
		strcat(fake.made, letter);
}

int priv_packet_socket(void)
{
	note_made("p");
	if (++fake.packet_sockets == fake.fail_packet_socket_at)
		return -ENODEV;
	return some_fd();
}

int priv_packet_start(const int *socks, unsigned n, unsigned ifindex, bool after_tc)
{
	return 0;
}

void priv_packet_close(const int *socks, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(socks[i]);
}

int priv_fanout(const int *socks, unsigned n, bool defrag)
{
	note_made("g");
	return fake.fanout_error;
}

int priv_fanout_add(int member, int sock)
{
	note_made("a");
	return fake.fanout_error;
}

int priv_steer(int sock, enum steering steering, const uint8_t *members, unsigned n)
{
	fake.steering = steering;
	fake.n_members = n;
	memcpy(fake.members, members, n);
	return 0;
}

int priv_copy_filter(int from, int to)
{
	fake.copied++;
	return 0;
}

uint32_t priv_empty_queue(int sock)
{
	const uint32_t n = fake.queued;

	fake.queued = 0;
	return n;
}

int priv_counting_socket(unsigned ifindex, bool after_tc)
{
	const int fd = some_fd();

	assert_in_range(fd, 0, 1023);
	note_made("c");
	fake.counts[fd] = true;
	return fd;
}

int priv_counting_group(const int *socks, unsigned n)
{
	return fake.group_error;
}

int priv_packet_ifindex(int sock)
{
	return fake.bound_to;
}

int priv_set_filter(int sock, const struct sock_fprog *prog)
{
	fake.filters++;
	return prog->len > STEER_SMALL_MAX ? fake.filter_error : 0;
}

int priv_packet_stats(int sock, uint32_t *passed, uint32_t *lost)
{
	*passed = fake.counts[sock] ? fake.counted : 10;
	*lost = 3;
	return 0;
}

int priv_egress_socket(unsigned ifindex)
{
	return some_fd();
}

int priv_own_egress_socket(const struct ipc_egress_socket *as, uint32_t *from_be, bool *connected)
{
	*from_be = as->source_be;
	*connected = as->kind == EGRESS_SOCKET_OWN;
	return some_fd();
}

int priv_helper_socket(void)
{
	return some_fd();
}

int priv_join(int sock, const struct ipc_join *j)
{
	return 0;
}

int priv_leave(int sock, const struct ipc_join *j)
{
	return 0;
}

int priv_bind_unread(const struct ipc_join *j)
{
	return some_fd();
}

int priv_probe_neighbour(unsigned ifindex, const struct addr *host, bool net_admin)
{
	fake.probes++;
	return fake.probe_error;
}

int priv_keep_neighbour(unsigned ifindex, const struct addr *host, bool net_admin, bool manage)
{
	fake.probes++;
	if (fake.probe_error == 0 && manage)
		fake.managed++;
	return fake.probe_error;
}

int priv_release_neighbour(unsigned ifindex, const struct addr *host)
{
	fake.released++;
	return 0;
}

int priv_gro_get(unsigned ifindex, struct priv_gro_state *st)
{
	*st = fake.gro;
	return 0;
}

int priv_gro_set(unsigned ifindex, const struct priv_gro_state *st)
{
	fake.gro_sets++;
	if (fake.gro_error)
		return fake.gro_error;
	fake.gro = *st;
	return 0;
}

#endif
