// SPDX-License-Identifier: MIT
/*
 * iface.c - packet sockets, counting sockets, egress sockets, GRO
 *
 * An input is one packet socket per worker that serves the interface, joined in a
 * fan-out group when there is more than one, and two unread sockets that count what
 * no worker gets to see.  An output is one UDP socket per worker.  They live here,
 * so that a worker's death loses nothing: packets go on queueing in them.
 *
 * Opening is all or nothing.  An input of the same device is never opened a second time:
 * its sockets are steered otherwise, and more of them join, so that nothing which lies in a
 * queue is lost.  A change gives it a new incarnation, by which worker_channel_sync() tells that a
 * worker knows an earlier one.
 */
#include "daemon/supervisor/iface.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "core/rules/steer.h"
#include "daemon/common/log.h"
#include "daemon/priv/gro.h"
#include "daemon/priv/packet.h"
#include "daemon/priv/socket.h"
#include "daemon/priv/sockopt.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/kernel_attach.h"
#include "daemon/supervisor/limit.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/stats.h"
#include "daemon/supervisor/worker_channel.h"

#define FRAME_OVERHEAD_BYTES (10 + 14) /* struct virtio_net_hdr, Ethernet header */

static void close_socket(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static enum buf_class choose_buffers(const struct input *in)
{
	uint32_t frame = in->iface.mtu + FRAME_OVERHEAD_BYTES;

	if (in->iface.defrag || in->gro_on || in->gro_found.fraglist ||
	    (in->iface.supers && in->iface.gro != GRO_OFF))
		return BUF_SUPER;
	if (frame <= BUF_SMALL_BYTES)
		return BUF_SMALL;
	return frame <= BUF_JUMBO_BYTES ? BUF_JUMBO : BUF_SUPER;
}

/* The settings that were found are put back when the input is closed, however often they changed.
 */
static struct priv_gro_state gro_wanted(const struct supervisor *s, const struct input *in)
{
	struct priv_gro_state want = in->gro_found;

	if (s->supers_unreadable)
		want.udp_forwarding = false;
	else if (in->iface.gro == GRO_ON)
		want.gro = want.udp_forwarding = true;
	else if (in->iface.gro == GRO_OFF)
		want.udp_forwarding = false;
	return want;
}

static bool same_gro(const struct priv_gro_state *a, const struct priv_gro_state *b)
{
	return a->gro == b->gro && a->udp_forwarding == b->udp_forwarding;
}

/*
 * An interface that does not know the features (ret < 0) has no GRO; one whose
 * settings may not be changed keeps them, and control sees from the reply what they are.
 * Where the kernel cannot deliver what it has merged, it is not to merge anything.
 */
static void apply_gro(const struct supervisor *s, struct input *in)
{
	static struct log_limit limit[MCR_MAX_IFACES];
	char name[IF_NAMESIZE];
	struct priv_gro_state want, now;

	if (priv_gro_get(in->iface.ifindex, &now) < 0) {
		in->gro_on = false;
		return;
	}
	if (!in->gro_changed)
		in->gro_found = now;
	want = gro_wanted(s, in);
	if (!same_gro(&want, &now)) {
		int ret = priv_gro_set(in->iface.ifindex, &want);

		if (ret < 0)
			log_limited(&limit[in->iface.slot], monotonic_ns(), SEV_WARNING,
				    FAC_NETWORK, "GRO of interface %s stays as it is: %s%s",
				    if_indextoname(in->iface.ifindex, name) ? name
									    : "that has gone",
				    strerror(-ret), ret == -EPERM ? " (needs CAP_NET_ADMIN)" : "");
		else
			in->gro_changed = !same_gro(&want, &in->gro_found);
		/* Asked again: a driver may accept a request and not follow it. */
		if (priv_gro_get(in->iface.ifindex, &now) < 0)
			now = in->gro_found;
	}
	in->gro_on = now.gro && now.udp_forwarding;
}

/* The worker keeps the socket open until it has read the message that closes the input. */
static void refuse_frames(int sock)
{
	struct sock_filter insns[STEER_SMALL_MAX];
	struct sock_fprog prog = {.filter = insns};

	prog.len = (unsigned short)steer_filter_refuse_all(insns);
	if (sock >= 0)
		priv_set_filter(sock, &prog);
}

/* Into a list of those that are closed together. */
static void take_socket(int *fd, int *all, unsigned *n)
{
	if (*fd >= 0)
		all[(*n)++] = *fd;
	*fd = -1;
}

static void close_input_sockets(struct supervisor *s, struct input *in)
{
	int all[MCR_MAX_WORKERS + STEER_COUNTS];
	unsigned n = 0;

	if (in->gro_changed)
		priv_gro_set(in->iface.ifindex, &in->gro_found);
	in->gro_changed = false;
	in->gro_on = false;
	kernel_path_detach(s, in);
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		refuse_frames(in->sock[i]);
		take_socket(&in->sock[i], all, &n);
	}
	take_socket(&in->ipv4_udp, all, &n);
	take_socket(&in->vlan, all, &n);
	take_socket(&in->foreign, all, &n);
	priv_packet_close(all, n);
	in->incarnation = 0;
}

/* Which members of the group are chosen: those of the workers that serve the interface. */
static int steer(struct input *in)
{
	uint8_t members[MCR_MAX_WORKERS];
	unsigned n = 0;

	if (!in->members)
		return 0;
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		if (in->iface.worker_mask >> i & 1)
			members[n++] = in->member[i];
	return priv_steer(in->sock[__builtin_ctzll(in->iface.worker_mask)],
			  (enum steering)in->iface.steering, members, n);
}

/* @group: whether there is to be one, because other workers may come to serve it. */
static int open_packet_sockets(struct input *in, bool group)
{
	int socks[MCR_MAX_WORKERS], ret;
	unsigned n = 0;

	in->members = 0;
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		if (!(in->iface.worker_mask >> i & 1))
			continue;
		in->sock[i] = descriptor_or_refuse(priv_packet_socket());
		if (in->sock[i] < 0)
			return in->sock[i];
		in->member[i] = (uint8_t)n;
		socks[n++] = in->sock[i];
	}
	ret = priv_packet_start(socks, n, in->iface.ifindex, in->mark != 0);
	if (ret < 0 || !group)
		return ret;
	ret = priv_fanout(socks, n, in->iface.defrag);
	if (ret == 0) {
		in->members = n;
		ret = steer(in);
	}
	/* Older kernels let no socket join while its interface is down. */
	return ret == -EINVAL ? -ENETDOWN : ret;
}

/*
 * One more socket in the group.  Its filter comes last: outside the group it would get every
 * frame that a member gets, and as a member it is not chosen yet.
 */
static int add_packet_socket(struct input *in, unsigned worker, int member)
{
	int ret;

	in->sock[worker] = descriptor_or_refuse(priv_packet_socket());
	if (in->sock[worker] < 0)
		return in->sock[worker];
	ret = priv_packet_start(&in->sock[worker], 1, in->iface.ifindex, in->mark != 0);
	if (ret == 0)
		ret = priv_fanout_add(member, in->sock[worker]);
	if (ret < 0) {
		close_socket(&in->sock[worker]);
		return ret == -EINVAL ? -ENETDOWN : ret;
	}
	in->member[worker] = (uint8_t)in->members++;
	return priv_copy_filter(member, in->sock[worker]);
}

/* Workers that no longer serve the interface keep their sockets, which are not chosen. */
static int add_packet_sockets(struct input *in, uint64_t worker_mask)
{
	int member = -1, ret = 0;

	for (unsigned i = 0; i < MCR_MAX_WORKERS && member < 0; i++)
		member = in->sock[i];
	for (unsigned i = 0; i < MCR_MAX_WORKERS && ret == 0; i++)
		if (worker_mask >> i & 1 && in->sock[i] < 0)
			ret = add_packet_socket(in, i, member);
	return ret;
}

/*
 * One fan-out group, so that a frame is looked at by one of them only.  Their filters say the
 * same as the group's program: where the kernel lets no socket join (older kernels, while the
 * interface is down) each looks at every frame, with the same counts.  Behind the kernel path's
 * program IPv4 UDP is counted outside of the group: after tc ingress, as the workers see it.
 */
static int open_counting_sockets(struct input *in)
{
	const enum link_layer link = (enum link_layer)in->iface.link;
	const bool after_tc = in->mark != 0;
	int *const socks[STEER_COUNTS] = {
		[COUNT_VLAN] = &in->vlan,
		[COUNT_FOREIGN] = &in->foreign,
		[COUNT_IPV4_UDP] = &in->ipv4_udp,
	};
	struct sock_filter insns[STEER_COUNTS][STEER_SMALL_MAX];
	struct sock_fprog prog[STEER_COUNTS];
	int ret = 0;

	in->unclaimed = 0;
	prog[COUNT_IPV4_UDP].len =
		(unsigned short)steer_filter_ipv4_udp(link, in->mark, insns[COUNT_IPV4_UDP]);
	prog[COUNT_VLAN].len = (unsigned short)steer_filter_vlan(insns[COUNT_VLAN]);
	prog[COUNT_FOREIGN].len = (unsigned short)steer_filter_foreign(link, insns[COUNT_FOREIGN]);
	for (unsigned i = 0; i < STEER_COUNTS; i++) {
		*socks[i] = descriptor_or_refuse(
			priv_counting_socket(in->iface.ifindex, after_tc && i == COUNT_IPV4_UDP));
		if (*socks[i] < 0)
			return *socks[i];
	}
	priv_counting_group((const int[]){in->vlan, in->foreign, in->ipv4_udp},
			    after_tc ? COUNT_IPV4_UDP : STEER_COUNTS);
	for (unsigned i = 0; i < STEER_COUNTS && ret == 0; i++) {
		prog[i].filter = insns[i];
		ret = priv_set_filter(*socks[i], &prog[i]);
	}
	return ret;
}

/*
 * Does what is open do for what is asked?  Buffers for a larger MTU serve a smaller one,
 * those for super-datagrams any.
 */
static bool serves(const struct input *in, const struct ipc_iface *want)
{
	const struct ipc_iface *have = &in->iface;

	return have->ifindex == want->ifindex &&
	       (have->mtu >= want->mtu || in->buf_class == BUF_SUPER) &&
	       have->steering == want->steering && have->gro == want->gro &&
	       have->defrag == want->defrag && have->supers == want->supers &&
	       have->link == want->link && have->worker_mask == want->worker_mask;
}

/*
 * The same sockets, otherwise steered or with other buffers: frames in their queues stay
 * there.  Control has published what the workers need to know; they have taken it, and the
 * larger buffers, before frames come that need them.
 */
static int change_input(struct supervisor *s, struct input *in, const struct ipc_iface *iface)
{
	const struct ipc_iface was = in->iface;
	enum buf_class class;
	int ret = add_packet_sockets(in, iface->worker_mask);

	in->iface = *iface;
	if (ret < 0) {
		in->iface = was;
		return ret;
	}
	class = iface->gro == GRO_ON ? BUF_SUPER : choose_buffers(in);
	if (class > in->buf_class)
		in->buf_class = class;
	in->incarnation = ++s->next_incarnation;
	worker_channel_sync_all(s);
	worker_channel_await(s);
	ret = steer(in);
	if (ret < 0)
		in->iface = was;
	else
		apply_gro(s, in);
	return ret;
}

static int open_input(struct supervisor *s, struct input *in, const struct ipc_iface *iface)
{
	int ret;

	in->iface = *iface;
	/* From here on a frame that it relays has the mark that the prefilters refuse. */
	if (iface->kernel_path)
		kernel_path_attach(s, in);
	/* In this order, or what is counted exceeds what there was: see stats.c. */
	ret = open_counting_sockets(in);
	if (ret == 0)
		ret = open_packet_sockets(in, s->workers > 1 || iface->defrag);
	if (ret < 0) {
		close_input_sockets(s, in);
		return ret;
	}
	apply_gro(s, in);
	in->buf_class = choose_buffers(in);
	in->incarnation = ++s->next_incarnation;
	iface_page_take(s->iface_page, iface->slot, iface->ifindex);
	stats_refresh_input(s, iface->slot);
	worker_channel_sync_all(s);
	return 0;
}

int iface_open_input(struct supervisor *s, const struct ipc_iface *iface)
{
	struct input *in = &s->input[iface->slot];

	if (in->incarnation && serves(in, iface)) {
		in->round = s->round;
		return -EEXIST;
	}
	if (!iface->worker_mask || (iface->worker_mask & ~worker_mask_all(s->workers)))
		return -ERANGE;
	if (!limit_take(s, LIMIT_INPUTS))
		return -EBUSY;
	in->round = s->round;
	if (in->incarnation && in->iface.ifindex == iface->ifindex &&
	    in->iface.link == iface->link && in->iface.defrag == iface->defrag)
		return change_input(s, in, iface);
	if (in->incarnation)
		iface_close_input(s, iface->slot);
	return open_input(s, in, iface);
}

int iface_close_input(struct supervisor *s, unsigned slot)
{
	if (!s->input[slot].incarnation)
		return -ENOENT;
	iface_end_input(s, slot);
	close_input_sockets(s, &s->input[slot]);
	worker_channel_sync_all(s);
	return 0;
}

void iface_end_input(struct supervisor *s, unsigned slot)
{
	struct input *in = &s->input[slot];
	uint64_t left[MCR_MAX_WORKERS] = {0};

	kernel_path_detach(s, in);
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		refuse_frames(in->sock[i]);
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		if (in->sock[i] >= 0)
			left[i] = priv_empty_queue(in->sock[i]);
	stats_refresh_input(s, slot);
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		stats_left_in_queue(s, slot, i, left[i]);
}

static void close_output_sockets(struct output *out)
{
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		close_socket(&out->sock[i]);
	out->incarnation = 0;
}

int iface_open_output(struct supervisor *s, const struct ipc_iface *iface)
{
	struct output *out = &s->output[iface->slot];

	if (!s->workers)
		return -EINVAL;
	if (out->incarnation && out->ifindex == iface->ifindex) {
		out->round = s->round;
		return -EEXIST;
	}
	if (out->incarnation)
		iface_close_output(s, iface->slot);
	for (unsigned i = 0; i < s->workers; i++) {
		int ret = out->sock[i] = descriptor_or_refuse(priv_egress_socket(iface->ifindex));

		if (ret < 0) {
			close_output_sockets(out);
			return ret;
		}
	}
	out->ifindex = iface->ifindex;
	out->round = s->round;
	out->incarnation = ++s->next_incarnation;
	worker_channel_sync_all(s);
	return 0;
}

int iface_close_output(struct supervisor *s, unsigned slot)
{
	if (!s->output[slot].incarnation)
		return -ENOENT;
	close_output_sockets(&s->output[slot]);
	worker_channel_sync_all(s);
	return 0;
}

unsigned iface_drop_others(struct supervisor *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		if (s->input[i].incarnation && s->input[i].round != s->round)
			n += iface_close_input(s, i) == 0;
		if (s->output[i].incarnation && s->output[i].round != s->round)
			n += iface_close_output(s, i) == 0;
	}
	return n;
}

void iface_fini(struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		close_input_sockets(s, &s->input[i]);
		close_output_sockets(&s->output[i]);
	}
}
