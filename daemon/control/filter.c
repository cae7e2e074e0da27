// SPDX-License-Identifier: MIT
/* filter.c - sorted lists of (group, port) pairs become BPF programs */
#include "daemon/control/filter.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "core/rules/steer.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/control/change.h"
#include "daemon/control/iface.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

/* Each want takes an instruction at least, so more of them need not be tried. */
#define EXACT_MAX BPF_MAXINSNS

static int compare_wants(const void *a, const void *b)
{
	const struct filter_want *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (int)x->port - (int)y->port;
}

static struct filter_want want_of(const struct rule_input *in)
{
	return (struct filter_want){
		.group = ntohl(addr_ipv4_be(&in->group)), .port = in->port, .users = 1};
}

/* --- all rules --- */

/* The wants of all inputs, by slot: a counting sort of the rules. */
struct want_lists {
	struct filter_want *all;
	size_t first[MCR_MAX_IFACES + 1];
};

static uint32_t input_slot(const struct control *c, size_t i)
{
	return c->resolved.rule[ruleset_at(c->rules, i)->slot].in_slot;
}

static int collect(const struct control *c, struct want_lists *w)
{
	size_t n = ruleset_count(c->rules);
	size_t at[MCR_MAX_IFACES + 1] = {0};

	w->all = calloc(n + 1, sizeof(*w->all));
	if (!w->all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (input_slot(c, i) != MCR_NO_SLOT)
			at[input_slot(c, i) + 1]++;
	}
	for (unsigned s = 0; s < MCR_MAX_IFACES; s++)
		at[s + 1] += at[s];
	memcpy(w->first, at, sizeof(at));
	for (size_t i = 0; i < n; i++) {
		if (input_slot(c, i) != MCR_NO_SLOT)
			w->all[at[input_slot(c, i)]++] =
				want_of(&ruleset_at(c->rules, i)->rule.input);
	}
	return 0;
}

/* Sort, and join duplicates (rules that differ in source only).  Return: how many are left. */
static size_t sort_unique_wants(struct filter_want *w, size_t n)
{
	size_t unique = 0;

	qsort(w, n, sizeof(*w), compare_wants);
	for (size_t i = 0; i < n; i++) {
		if (unique && compare_wants(&w[unique - 1], &w[i]) == 0)
			w[unique - 1].users++;
		else
			w[unique++] = w[i];
	}
	return unique;
}

static bool same_wants(const struct rec_iface *f, const struct filter_want *w, size_t n)
{
	if (f->n_wants != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (compare_wants(&f->wants[i], &w[i]) != 0)
			return false;
	}
	return true;
}

static int make_room(struct rec_iface *f, size_t n)
{
	const size_t room = n + n / 4 + 16;
	struct filter_want *wants;

	if (n <= f->room)
		return 0;
	wants = realloc(f->wants, room * sizeof(*wants));
	if (!wants)
		return -ENOMEM;
	f->wants = wants;
	f->room = room;
	return 0;
}

static int take_wants(struct rec_iface *f, const struct filter_want *w, size_t n)
{
	f->wants_changed |= !same_wants(f, w, n);
	if (make_room(f, n) < 0)
		return -ENOMEM;
	if (n)
		memcpy(f->wants, w, n * sizeof(*w));
	f->n_wants = n;
	return 0;
}

/* --- one rule --- */

/* The first want that is not before @w. */
static size_t find_want(const struct rec_iface *f, const struct filter_want *w)
{
	size_t low = 0, high = f->n_wants;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (compare_wants(&f->wants[mid], w) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool has_want(const struct rec_iface *f, size_t at, const struct filter_want *w)
{
	return at < f->n_wants && compare_wants(&f->wants[at], w) == 0;
}

int control_filter_add(struct rec_iface *f, const struct rule_input *in)
{
	const struct filter_want w = want_of(in);
	const size_t at = find_want(f, &w);

	if (has_want(f, at, &w)) {
		f->wants[at].users++;
		return 0;
	}
	if (make_room(f, f->n_wants + 1) < 0)
		return -ENOMEM;
	memmove(&f->wants[at + 1], &f->wants[at], (f->n_wants - at) * sizeof(w));
	f->wants[at] = w;
	f->n_wants++;
	f->wants_changed = true;
	return 0;
}

void control_filter_remove(struct rec_iface *f, const struct rule_input *in)
{
	const struct filter_want w = want_of(in);
	const size_t at = find_want(f, &w);

	if (!has_want(f, at, &w) || --f->wants[at].users)
		return;
	f->n_wants--;
	memmove(&f->wants[at], &f->wants[at + 1], (f->n_wants - at) * sizeof(w));
	f->wants_changed = true;
}

/* --- requests --- */

static void filter_set(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct rec_iface *f = &c->rec.iface[request->iface.slot];

	if (!f->used || f->deleted || f->ifindex != request->iface.ifindex || !f->in_open)
		return;
	if (status == 0) {
		if (value && !f->coarse)
			log_msg(SEV_NOTICE, FAC_INGRESS,
				"a filter for %zu inputs is too long for the kernel: all UDP on %s "
				"reaches the workers",
				f->n_wants, f->name);
		f->coarse = value != 0;
		f->filter_error = 0;
		return;
	}
	f->filter_set = false;
	if (f->filter_error != status)
		log_msg(SEV_WARNING, FAC_INGRESS, "cannot set the filter of %s: %s", f->name,
			strerror(-status));
	f->filter_error = status;
	control_retry_later(c);
}

/*
 * Where the kernel reassembles, all IPv4 UDP is let through, so that nothing is left to count
 * which no worker sees: the counting sockets would see fragments.
 */
static unsigned make_program(const struct control *c, const struct rec_iface *f,
			     struct steer_want *scratch,
			     struct sock_filter prog[static BPF_MAXINSNS], bool *exact)
{
	const uint32_t mark = f->in_as.kernel_path ? c->kernel_path.mark : 0;

	*exact = !f->in_as.defrag && f->n_wants < EXACT_MAX;
	if (!*exact)
		return steer_filter_ipv4_udp(f->link, mark, prog);
	for (size_t i = 0; i < f->n_wants; i++)
		scratch[i] = (struct steer_want){f->wants[i].group, f->wants[i].port};
	return steer_filter(f->link, mark, scratch, f->n_wants, prog, BPF_MAXINSNS, exact);
}

static int send_filter(struct control *c, uint32_t slot)
{
	static struct {
		struct filter_file head;
		struct sock_filter prog[BPF_MAXINSNS];
	} file;
	static struct steer_want scratch[EXACT_MAX];
	struct rec_iface *f = &c->rec.iface[slot];
	struct ipc_msg msg = {.type = IPC_SET_FILTER};
	bool exact;
	int fd;

	file.head.n = make_program(c, f, scratch, file.prog, &exact);
	f->wants_changed = false;
	/* That one is there already. */
	if (f->filter_set && f->all_udp && !exact)
		return 0;
	fd = memfd_sealed("mcr-filter", &file,
			  sizeof(file.head) + file.head.n * sizeof(file.prog[0]));
	if (fd < 0) {
		f->wants_changed = true;
		return fd;
	}
	f->filter_set = true;
	f->all_udp = !exact;
	msg.iface.slot = slot;
	msg.iface.ifindex = f->ifindex;
	control_supervisor_request(&c->supervisor, &msg, fd, filter_set, c);
	return 0;
}

int control_filter_send(struct control *c)
{
	int ret = 0;

	for (uint32_t s = 0; s < MCR_MAX_IFACES && ret == 0; s++) {
		const struct rec_iface *f = &c->rec.iface[s];

		if (f->used && !f->deleted && f->in_open && (!f->filter_set || f->wants_changed))
			ret = send_filter(c, s);
	}
	return ret;
}

int control_filter_update(struct control *c)
{
	struct want_lists lists;
	int ret = collect(c, &lists);

	if (ret < 0)
		return ret;
	for (uint32_t s = 0; s < MCR_MAX_IFACES && ret == 0; s++) {
		struct rec_iface *f = &c->rec.iface[s];
		struct filter_want *w = lists.all + lists.first[s];

		if (f->used && !f->deleted)
			ret = take_wants(f, w,
					 sort_unique_wants(w, lists.first[s + 1] - lists.first[s]));
	}
	free(lists.all);
	return ret < 0 ? ret : control_filter_send(c);
}
