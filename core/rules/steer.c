// SPDX-License-Identifier: MIT
/*
 * steer.c - generator of the classic BPF programs of an input interface
 *
 * The prefilter is a head, which throws out what is not untagged IPv4 UDP and puts
 * the destination port into X, and a binary search over the groups, whose leaves
 * compare ports:
 *
 *           A = group
 *           A >= g[mid] ? right half : left half
 *           ...
 *     leaf: A == g ? next : refuse
 *           A = X; A == port ? accept : ...
 *           A == 0 ? accept (no port to be seen: a fragment, or cut short) : refuse
 *
 * Conditional jumps of classic BPF reach 255 instructions, and forward only;
 * unconditional ones reach everywhere.  So the lower part of the tree is cut into blocks
 * of that size, each with its own two returns at its end; above them a search node takes
 * two instructions.
 *
 * A load beyond the frame ends a program with 0, "no".  A frame cut short in the UDP
 * header is to be counted as truncated, and one that a counting program cannot read must
 * not be missed by both of them.  So the length is compared before every load that may
 * fail.
 *
 * Offsets are relative to SKF_NET_OFF, the network header, because a fan-out program
 * and a socket filter see different starts of the same frame.
 * experiments/poc_fanout_rule_hash and poc_unread_counting_socket show all of this.
 */
#include "core/rules/steer.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>

#define ETHER_BYTES  14
#define IP_MIN_BYTES 20
#define PROTO_UDP    17
#define IP_MF_OFFSET 0x3fff
#define VLAN_VID     0x0fff /* of the tag control information (IEEE 802.1Q) */

#define NET(offset) ((uint32_t)(SKF_NET_OFF + (offset)))
#define ANC(what)   ((uint32_t)(SKF_AD_OFF + (what)))

#define RET_WHOLE   0x40000u /* accept, any length */
#define RET_NOTHING 0u

/* Multipliers of steer_hash(): odd, bits well spread. */
#define HASH_GROUP 0x9e3779b1u
#define HASH_PORT  0x85ebca6bu
#define HASH_MIX   0x2c1b3c6du

uint32_t steer_hash(uint32_t group, uint16_t port)
{
	uint32_t h = group * HASH_GROUP ^ port * HASH_PORT;

	h ^= h >> 15;
	h *= HASH_MIX;
	h ^= h >> 13;
	return h;
}

unsigned steer_worker(uint32_t group, uint16_t port, unsigned n)
{
	return n > 1 ? steer_hash(group, port) % n : 0;
}

/* A program being written; @full is sticky, so that callers check once, at the end. */
struct writer {
	struct sock_filter *prog;
	unsigned n, max;
	bool full;
};

static void emit(struct writer *w, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (w->n == w->max) {
		w->full = true;
		return;
	}
	w->prog[w->n++] = (struct sock_filter){code, jt, jf, k};
}

static void emit_stmt(struct writer *w, uint16_t code, uint32_t k)
{
	emit(w, code, 0, 0, k);
}

static unsigned link_bytes(enum link_layer link)
{
	return link == LINK_ETHERNET ? ETHER_BYTES : 0;
}

/*
 * Falls through for a frame that arrives; passes no frame that leaves.  The kernel spares a
 * fan-out group these since Linux 6.7 only (PACKET_FANOUT_FLAG_IGNORE_OUTGOING); older ones
 * take the flag, and do nothing.
 */
static void emit_is_arriving(struct writer *w)
{
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_PKTTYPE));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING);
	emit_stmt(w, BPF_RET | BPF_K, RET_NOTHING);
}

/*
 * Falls through for a frame that the kernel path has left: without the mark one for this host
 * or a group, with it one for others, which the IP stack discards.
 */
static void emit_is_left(struct writer *w, uint32_t mark)
{
	if (!mark)
		return;
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_MARK));
	emit(w, BPF_JMP | BPF_JSET | BPF_K, 2, 0, mark);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_PKTTYPE));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 2, 3, PACKET_OTHERHOST);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_PKTTYPE));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, PACKET_OTHERHOST);
	emit_stmt(w, BPF_RET | BPF_K, RET_NOTHING);
}

/* Falls through for a frame without tag, or with VID 0 and no other tag; else returns @tagged. */
static void emit_is_untagged(struct writer *w, uint32_t tagged)
{
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_VLAN_TAG_PRESENT));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 0);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_VLAN_TAG));
	emit(w, BPF_JMP | BPF_JSET | BPF_K, 3, 0, VLAN_VID);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_PROTOCOL));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ETH_P_8021Q);
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ETH_P_8021AD);
	emit_stmt(w, BPF_RET | BPF_K, tagged);
}

/* Falls through for untagged IPv4 UDP with a whole minimal IP header, else returns @other. */
static void emit_is_ipv4_udp(struct writer *w, enum link_layer link, uint32_t other)
{
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_VLAN_TAG_PRESENT));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 0);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_VLAN_TAG));
	emit(w, BPF_JMP | BPF_JSET | BPF_K, 6, 0, VLAN_VID);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_PROTOCOL));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, ETH_P_IP);
	emit_stmt(w, BPF_LD | BPF_W | BPF_LEN, 0);
	emit(w, BPF_JMP | BPF_JGE | BPF_K, 0, 2, link_bytes(link) + IP_MIN_BYTES);
	emit_stmt(w, BPF_LD | BPF_B | BPF_ABS, NET(9));
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, PROTO_UDP);
	emit_stmt(w, BPF_RET | BPF_K, other);
}

/* X = destination port, or 0 when the frame shows none. */
static void emit_port(struct writer *w, enum link_layer link)
{
	emit_stmt(w, BPF_LD | BPF_H | BPF_ABS, NET(6));
	emit(w, BPF_JMP | BPF_JSET | BPF_K, 7, 0, IP_MF_OFFSET);
	emit_stmt(w, BPF_LDX | BPF_B | BPF_MSH, NET(0));
	emit_stmt(w, BPF_LD | BPF_W | BPF_LEN, 0);
	emit(w, BPF_JMP | BPF_JGE | BPF_X, 0, 4, 0);
	emit_stmt(w, BPF_ALU | BPF_SUB | BPF_X, 0);
	emit(w, BPF_JMP | BPF_JGE | BPF_K, 0, 2, link_bytes(link) + 4);
	emit_stmt(w, BPF_LD | BPF_H | BPF_IND, NET(2));
	emit(w, BPF_JMP | BPF_JA, 0, 0, 1);
	emit_stmt(w, BPF_LD | BPF_IMM, 0);
	emit_stmt(w, BPF_MISC | BPF_TAX, 0);
}

/* One group with more ports than a block has room for, all of wants[0..n). */
static void emit_long_leaf(struct writer *w, const struct steer_want *wants, size_t n)
{
	/* Ports that one accept instruction can serve: jumps reach 255. */
	enum { CHUNK = 200 };
	size_t i = 0;

	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, wants[0].group);
	emit_stmt(w, BPF_RET | BPF_K, RET_NOTHING);
	emit_stmt(w, BPF_MISC | BPF_TXA, 0);
	while (i < n) {
		const size_t end = n - i > CHUNK ? i + CHUNK : n;
		const uint8_t ports = (uint8_t)(end - i);

		/* After the ports come: accept's neighbour (refuse, or a jump over accept), accept.
		 */
		emit(w, BPF_JMP | BPF_JEQ | BPF_K, ports + 1, 0, 0);
		for (uint8_t left = ports; i < end; i++, left--)
			emit(w, BPF_JMP | BPF_JEQ | BPF_K, left, 0, wants[i].port);
		if (i == n)
			emit_stmt(w, BPF_RET | BPF_K, RET_NOTHING);
		else
			emit_stmt(w, BPF_JMP | BPF_JA, 1);
		emit_stmt(w, BPF_RET | BPF_K, RET_WHOLE);
	}
}

/* First index at or after @i whose group differs from that of @i. */
static size_t group_end(const struct steer_want *wants, size_t i, size_t n)
{
	const uint32_t group = wants[i].group;

	while (i < n && wants[i].group == group)
		i++;
	return i;
}

/* Where the second half of the groups begins; 0 when there is only one. */
static size_t middle(const struct steer_want *wants, size_t n)
{
	size_t mid = group_end(wants, n / 2, n);

	if (mid == n) /* the middle group is the last: split before it */
		for (mid = n / 2; mid > 0 && wants[mid - 1].group == wants[mid].group; mid--)
			;
	return mid;
}

/* Jump targets of a block. */
struct returns {
	unsigned refuse, accept;
};

/* How far the next instruction has to jump to @target. */
static uint8_t jump(const struct writer *w, unsigned target)
{
	return (uint8_t)(target - w->n - 1);
}

static void emit_leaf(struct writer *w, const struct steer_want *wants, size_t n,
		      const struct returns *to)
{
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, 0, jump(w, to->refuse), wants[0].group);
	emit_stmt(w, BPF_MISC | BPF_TXA, 0);
	for (size_t i = 0; i < n; i++)
		emit(w, BPF_JMP | BPF_JEQ | BPF_K, jump(w, to->accept), 0, wants[i].port);
	emit(w, BPF_JMP | BPF_JEQ | BPF_K, jump(w, to->accept), jump(w, to->refuse), 0);
}

/* Instructions of emit_tree(): three and its ports for each group, and the nodes between. */
static size_t tree_size(const struct steer_want *wants, size_t n)
{
	size_t groups = 0;

	for (size_t i = 0; i < n; i = group_end(wants, i, n))
		groups++;
	return n + 4 * groups - 1;
}

static void emit_tree(struct writer *w, const struct steer_want *wants, size_t n,
		      const struct returns *to)
{
	const size_t mid = middle(wants, n);

	if (mid == 0) {
		emit_leaf(w, wants, n, to);
		return;
	}
	emit(w, BPF_JMP | BPF_JGE | BPF_K, (uint8_t)tree_size(wants, mid), 0, wants[mid].group);
	emit_tree(w, wants, mid, to);
	emit_tree(w, wants + mid, n - mid, to);
}

/* Binary search over wants[0..n), sorted; A holds the group. */
static void emit_search(struct writer *w, const struct steer_want *wants, size_t n)
{
	const size_t mid = middle(wants, n), size = tree_size(wants, n);
	const struct returns to = {w->n + size, w->n + size + 1};
	unsigned node;

	if (size < UINT8_MAX) {
		emit_tree(w, wants, n, &to);
		emit_stmt(w, BPF_RET | BPF_K, RET_NOTHING);
		emit_stmt(w, BPF_RET | BPF_K, RET_WHOLE);
		return;
	}
	if (mid == 0) {
		emit_long_leaf(w, wants, n);
		return;
	}
	node = w->n;
	emit(w, BPF_JMP | BPF_JGE | BPF_K, 0, 1, wants[mid].group);
	emit_stmt(w, BPF_JMP | BPF_JA, 0);
	emit_search(w, wants, mid);
	if (w->full)
		return;
	w->prog[node + 1].k = w->n - node - 2;
	emit_search(w, wants + mid, n - mid);
}

static int compare_wants(const void *a, const void *b)
{
	const struct steer_want *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->port > y->port) - (x->port < y->port);
}

static size_t sort_unique(struct steer_want *wants, size_t n)
{
	size_t last = 0;

	if (n == 0)
		return 0;
	qsort(wants, n, sizeof(*wants), compare_wants);
	for (size_t i = 1; i < n; i++)
		if (compare_wants(&wants[last], &wants[i]))
			wants[++last] = wants[i];
	return last + 1;
}

unsigned steer_filter_ipv4_udp(enum link_layer link, uint32_t mark,
			       struct sock_filter prog[static STEER_SMALL_MAX])
{
	struct writer w = {.prog = prog, .max = STEER_SMALL_MAX};

	emit_is_arriving(&w);
	emit_is_left(&w, mark);
	emit_is_ipv4_udp(&w, link, RET_NOTHING);
	emit_stmt(&w, BPF_RET | BPF_K, RET_WHOLE);
	return w.n;
}

unsigned steer_filter(enum link_layer link, uint32_t mark, struct steer_want *wants, size_t n,
		      struct sock_filter *prog, unsigned max, bool *exact)
{
	struct writer w = {.prog = prog, .max = max < BPF_MAXINSNS ? max : BPF_MAXINSNS};

	*exact = true;
	n = sort_unique(wants, n);
	emit_is_arriving(&w);
	emit_is_left(&w, mark);
	emit_is_ipv4_udp(&w, link, RET_NOTHING);
	if (n) {
		emit_port(&w, link);
		emit_stmt(&w, BPF_LD | BPF_W | BPF_ABS, NET(16));
		emit_search(&w, wants, n);
	} else {
		emit_stmt(&w, BPF_RET | BPF_K, RET_NOTHING);
	}
	if (!w.full)
		return w.n;
	*exact = false;
	return steer_filter_ipv4_udp(link, mark, prog);
}

unsigned steer_filter_foreign(enum link_layer link, struct sock_filter prog[static STEER_SMALL_MAX])
{
	struct writer w = {.prog = prog, .max = STEER_SMALL_MAX};

	emit_is_arriving(&w);
	emit_is_untagged(&w, RET_NOTHING);
	emit_is_ipv4_udp(&w, link, RET_WHOLE);
	emit_stmt(&w, BPF_RET | BPF_K, RET_NOTHING);
	return w.n;
}

unsigned steer_filter_vlan(struct sock_filter prog[static STEER_SMALL_MAX])
{
	struct writer w = {.prog = prog, .max = STEER_SMALL_MAX};

	emit_is_arriving(&w);
	emit_is_untagged(&w, RET_WHOLE);
	emit_stmt(&w, BPF_RET | BPF_K, RET_NOTHING);
	return w.n;
}

/* A fan-out program sees the frame without its link layer. */
unsigned steer_counting(struct sock_filter prog[static STEER_SMALL_MAX])
{
	struct writer w = {.prog = prog, .max = STEER_SMALL_MAX};

	emit_is_untagged(&w, COUNT_VLAN);
	emit_is_ipv4_udp(&w, LINK_RAW_IP, COUNT_FOREIGN);
	emit_stmt(&w, BPF_RET | BPF_K, COUNT_IPV4_UDP);
	return w.n;
}

unsigned steer_filter_refuse_all(struct sock_filter prog[static STEER_SMALL_MAX])
{
	struct writer w = {.prog = prog, .max = STEER_SMALL_MAX};

	emit_stmt(&w, BPF_RET | BPF_K, RET_NOTHING);
	return w.n;
}

/* A ^= A >> @bits; X is lost. */
static void emit_xor_shift(struct writer *w, uint32_t bits)
{
	emit_stmt(w, BPF_MISC | BPF_TAX, 0);
	emit_stmt(w, BPF_ALU | BPF_RSH | BPF_K, bits);
	emit_stmt(w, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* A = steer_hash() of the frame. */
static void emit_hash(struct writer *w)
{
	emit_stmt(w, BPF_LDX | BPF_B | BPF_MSH, NET(0));
	emit_stmt(w, BPF_LD | BPF_H | BPF_IND, NET(2));
	emit_stmt(w, BPF_ALU | BPF_MUL | BPF_K, HASH_PORT);
	emit_stmt(w, BPF_ST, 0);
	emit_stmt(w, BPF_LD | BPF_W | BPF_ABS, NET(16));
	emit_stmt(w, BPF_ALU | BPF_MUL | BPF_K, HASH_GROUP);
	emit_stmt(w, BPF_LDX | BPF_MEM, 0);
	emit_stmt(w, BPF_ALU | BPF_XOR | BPF_X, 0);
	emit_xor_shift(w, 15);
	emit_stmt(w, BPF_ALU | BPF_MUL | BPF_K, HASH_MIX);
	emit_xor_shift(w, 13);
}

unsigned steer_fanout(enum steering steering, const uint8_t *members, unsigned n,
		      struct sock_filter prog[static STEER_FANOUT_MAX])
{
	struct writer w = {.prog = prog, .max = STEER_FANOUT_MAX};

	if (steering == STEER_CPU)
		emit_stmt(&w, BPF_LD | BPF_W | BPF_ABS, ANC(SKF_AD_CPU));
	else
		emit_hash(&w);
	emit_stmt(&w, BPF_ALU | BPF_MOD | BPF_K, n ? n : 1);
	for (unsigned i = 0; i < n; i++) {
		if (members[i] == i)
			continue;
		emit(&w, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, i);
		emit_stmt(&w, BPF_RET | BPF_K, members[i]);
	}
	emit_stmt(&w, BPF_RET | BPF_A, 0);
	return w.n;
}
