// SPDX-License-Identifier: MIT
/* handover_socket.c - how many there are, then each as control asked for it */
#include "daemon/supervisor/handover_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/base/ipc.h"
#include "daemon/priv/gro.h"
#include "daemon/supervisor/handover_field.h"
#include "daemon/supervisor/state.h"

/* Followed by as many of each. */
struct saved_numbers {
	uint32_t inputs, outputs, egress_sockets, unused;
};

struct saved_input {
	uint64_t incarnation;
	int64_t unclaimed;
	struct ipc_iface iface;
	uint32_t buf_class;
	uint32_t mark;
	uint8_t gro_on, gro_changed, gro, udp_forwarding, fraglist, members, filter, own_qdisc,
		reserved[4];
	uint8_t member[MCR_MAX_WORKERS];
};

struct saved_output {
	uint64_t incarnation;
	uint32_t slot, ifindex;
};

/* Followed, for each worker of the mask, by what it was given and its socket. */
struct saved_egress_socket {
	uint64_t incarnation;
	struct ipc_egress_socket as;
	uint32_t from_be, unused;
};

static void save_input(const struct input *in, struct handover_writer *w)
{
	struct saved_input saved = {.incarnation = in->incarnation,
				    .iface = in->iface,
				    .buf_class = in->buf_class,
				    .unclaimed = in->unclaimed,
				    .mark = in->mark,
				    .gro_on = in->gro_on,
				    .gro_changed = in->gro_changed,
				    .gro = in->gro_found.gro,
				    .udp_forwarding = in->gro_found.udp_forwarding,
				    .fraglist = in->gro_found.fraglist,
				    .filter = in->attached.filter,
				    .own_qdisc = in->attached.own_qdisc,
				    .members = (uint8_t)in->members};

	memcpy(saved.member, in->member, sizeof(saved.member));
	handover_put(w, &saved, sizeof(saved));
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		handover_put_fd(w, in->sock[i]);
	handover_put_fd(w, in->ipv4_udp);
	handover_put_fd(w, in->vlan);
	handover_put_fd(w, in->foreign);
	handover_put_fd(w, in->attached.link);
}

/* It is one that control may ask for. */
static bool iface_is_valid(const struct ipc_iface *iface)
{
	struct ipc_msg m = {.magic = IPC_MAGIC, .type = IPC_OPEN_INPUT, .iface = *iface}, out;

	return ipc_parse(&m, sizeof(m), 0, IPC_FROM_CONTROL, &out) == 0;
}

static void restore_input(struct supervisor *s, struct handover_reader *r)
{
	struct saved_input saved;
	struct input *in;

	handover_get(r, &saved, sizeof(saved));
	handover_check(
		r, iface_is_valid(&saved.iface) && saved.buf_class < BUF_CLASSES &&
			   saved.incarnation >= 1 && saved.incarnation <= s->next_incarnation &&
			   (saved.gro_on | saved.gro_changed | saved.gro | saved.udp_forwarding |
			    saved.fraglist | saved.filter | saved.own_qdisc) <= 1 &&
			   saved.members <= s->workers);
	if (r->error)
		return;
	in = &s->input[saved.iface.slot];
	handover_check(r, !in->incarnation);
	in->incarnation = saved.incarnation;
	in->iface = saved.iface;
	in->buf_class = (enum buf_class)saved.buf_class;
	in->unclaimed = saved.unclaimed;
	in->gro_on = saved.gro_on;
	in->gro_changed = saved.gro_changed;
	in->gro_found = (struct priv_gro_state){saved.gro, saved.udp_forwarding, saved.fraglist};
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		in->sock[i] = handover_get_fd(r, FD_PACKET, 0);
		/* A worker that served it once keeps its socket. */
		handover_check(r, in->sock[i] >= 0 ? i < s->workers
						   : !(saved.iface.worker_mask >> i & 1));
	}
	in->members = saved.members;
	memcpy(in->member, saved.member, sizeof(in->member));
	in->ipv4_udp = handover_need_fd(r, FD_PACKET, 0);
	in->vlan = handover_need_fd(r, FD_PACKET, 0);
	in->foreign = handover_need_fd(r, FD_PACKET, 0);
	in->attached.link = handover_get_fd(r, FD_ANONYMOUS, 0);
	handover_check(r, (in->attached.link >= 0) + saved.filter == (saved.mark != 0));
	in->attached.filter = saved.filter;
	in->attached.own_qdisc = saved.own_qdisc;
	in->mark = saved.mark;
}

static void save_output(const struct supervisor *s, unsigned slot, struct handover_writer *w)
{
	const struct output *out = &s->output[slot];
	struct saved_output saved = {out->incarnation, slot, out->ifindex};

	handover_put(w, &saved, sizeof(saved));
	for (unsigned i = 0; i < s->workers; i++)
		handover_put_fd(w, out->sock[i]);
}

static void restore_output(struct supervisor *s, struct handover_reader *r)
{
	struct saved_output saved;
	struct output *out;

	handover_get(r, &saved, sizeof(saved));
	handover_check(r, saved.slot < MCR_MAX_IFACES && saved.ifindex >= 1 &&
				  saved.ifindex <= INT32_MAX && saved.incarnation >= 1 &&
				  saved.incarnation <= s->next_incarnation);
	if (r->error)
		return;
	out = &s->output[saved.slot];
	handover_check(r, !out->incarnation);
	out->incarnation = saved.incarnation;
	out->ifindex = saved.ifindex;
	for (unsigned i = 0; i < s->workers; i++)
		out->sock[i] = handover_need_fd(r, FD_UDP, 0);
}

static void save_egress_socket(const struct supervisor *s, unsigned id, struct handover_writer *w)
{
	const struct opened_egress_socket *o = &s->egress_socket[id];
	const struct saved_egress_socket saved = {o->incarnation, o->as, o->from_be, 0};

	handover_put(w, &saved, sizeof(saved));
	for (unsigned i = 0; i < s->workers; i++) {
		const int fd = egress_socket_fd(o, i);

		if (fd < 0)
			continue;
		handover_put(w, &s->worker[i].egress_socket_sent[id], sizeof(uint64_t));
		handover_put_fd(w, fd);
	}
}

static bool egress_socket_is_valid(const struct ipc_egress_socket *as, unsigned workers)
{
	struct ipc_msg m = {.magic = IPC_MAGIC,
			    .type = IPC_OPEN_EGRESS_SOCKET,
			    .egress_socket = *as},
		       out;

	return ipc_parse(&m, sizeof(m), 0, IPC_FROM_CONTROL, &out) == 0 && as->worker_mask &&
	       !(as->worker_mask & ~worker_mask_all(workers));
}

static void restore_egress_socket(struct supervisor *s, struct handover_reader *r)
{
	struct saved_egress_socket saved;
	struct opened_egress_socket *o;
	unsigned n = 0;

	handover_get(r, &saved, sizeof(saved));
	handover_check(r, egress_socket_is_valid(&saved.as, s->workers) && saved.incarnation >= 1 &&
				  saved.incarnation <= s->next_incarnation);
	if (r->error)
		return;
	o = &s->egress_socket[saved.as.id];
	if (o->incarnation) {
		handover_bad(r);
		return;
	}
	o->sock = calloc((unsigned)__builtin_popcountll(saved.as.worker_mask), sizeof(*o->sock));
	if (!o->sock) {
		r->error = -ENOMEM;
		return;
	}
	o->incarnation = saved.incarnation;
	o->as = saved.as;
	o->from_be = saved.from_be;
	for (unsigned i = 0; i < s->workers; i++) {
		struct worker_record *worker = &s->worker[i];

		if (!(o->as.worker_mask >> i & 1))
			continue;
		handover_get(r, &worker->egress_socket_sent[o->as.id], sizeof(uint64_t));
		o->sock[n++] = handover_need_fd(r, FD_UDP, 0);
		bitset_add(worker->egress_socket_due, o->as.id);
	}
	s->egress_sockets_open += n;
}

static struct saved_numbers count(const struct supervisor *s)
{
	struct saved_numbers n = {0};

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		n.inputs += s->input[i].incarnation != 0;
		n.outputs += s->output[i].incarnation != 0;
	}
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		n.egress_sockets += s->egress_socket[i].incarnation != 0;
	return n;
}

void handover_socket_save(const struct supervisor *s, struct handover_writer *w)
{
	const struct saved_numbers n = count(s);

	handover_put(w, &n, sizeof(n));
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->input[i].incarnation)
			save_input(&s->input[i], w);
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->output[i].incarnation)
			save_output(s, i, w);
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		if (s->egress_socket[i].incarnation)
			save_egress_socket(s, i, w);
}

void handover_socket_restore(struct supervisor *s, struct handover_reader *r)
{
	struct saved_numbers n;

	handover_get(r, &n, sizeof(n));
	handover_check(r, n.inputs <= MCR_MAX_IFACES && n.outputs <= MCR_MAX_IFACES &&
				  n.egress_sockets <= MCR_MAX_EGRESS_SOCKETS);
	for (unsigned i = 0; i < n.inputs && !r->error; i++)
		restore_input(s, r);
	for (unsigned i = 0; i < n.outputs && !r->error; i++)
		restore_output(s, r);
	for (unsigned i = 0; i < n.egress_sockets && !r->error; i++)
		restore_egress_socket(s, r);
}
