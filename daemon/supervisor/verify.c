// SPDX-License-Identifier: MIT
/*
 * verify.c - devices of packet sockets, and /proc/net/igmp
 *
 * A device that leaves takes with it what was bound to it and joined on it; that it left
 * may go unseen, when it comes back with the same index while control is away or when its
 * events were lost.  Its in_device alone, with the memberships, goes when the MTU falls
 * below what IPv4 needs.  Dead sockets and memberships are dropped here, and control asks for them
 * again.  A tc program that somebody has taken away is attached again.
 */
#include "daemon/supervisor/verify.h"

#include <string.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/priv/packet.h"
#include "daemon/supervisor/iface.h"
#include "daemon/supervisor/igmp_list.h"
#include "daemon/supervisor/kernel_attach.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/state.h"

/* Control may ask as often as it likes; so often it is looked. */
#define VERIFY_LEAST_NS (100 * NS_PER_MS)

static bool is_bound(int sock, uint32_t ifindex)
{
	return sock < 0 || priv_packet_ifindex(sock) == (int)ifindex;
}

static bool input_is_bound(const struct input *in)
{
	const uint32_t ifindex = in->iface.ifindex;

	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		if (!is_bound(in->sock[i], ifindex))
			return false;
	return is_bound(in->ipv4_udp, ifindex) && is_bound(in->vlan, ifindex) &&
	       is_bound(in->foreign, ifindex);
}

static unsigned drop_unbound(struct supervisor *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		if (!s->input[i].incarnation || input_is_bound(&s->input[i]))
			continue;
		iface_close_input(s, i);
		n++;
	}
	return n;
}

/* A list that changes while it is read may lack what is there: twice it does not. */
static unsigned drop_lost_memberships(struct supervisor *s)
{
	struct igmp_list first = {0}, second = {0};
	unsigned n = 0;

	if (igmp_list_read(&first) == 0 && membership_count_lost(&s->memberships, &first) &&
	    igmp_list_read(&second) == 0)
		n = membership_drop_lost(&s->memberships, &first, &second);
	igmp_list_fini(&first);
	igmp_list_fini(&second);
	return n;
}

uint64_t verify_drop_lost(struct supervisor *s, uint64_t now_ns)
{
	unsigned inputs, memberships;

	if (s->verified_round == s->round && now_ns - s->verified_ns < VERIFY_LEAST_NS)
		return 0;
	s->verified_round = s->round;
	s->verified_ns = now_ns;
	inputs = drop_unbound(s);
	kernel_path_verify(s);
	memberships = drop_lost_memberships(s);
	if (inputs + memberships)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"the kernel has dropped the sockets of %u inputs and %u memberships, with "
			"their device: they are made anew",
			inputs, memberships);
	return inputs + memberships;
}
