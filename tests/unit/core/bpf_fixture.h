/* SPDX-License-Identifier: MIT */
/*
 * bpf_fixture.h - an interpreter of classic BPF, for the instructions that steer.c uses
 *
 * It follows Documentation/networking/filter.rst: a load beyond the frame ends the
 * program with 0.  Any other instruction fails the test.  Include it after cmocka.h.
 */
#ifndef TESTS_UNIT_CORE_BPF_FIXTURE_H
#define TESTS_UNIT_CORE_BPF_FIXTURE_H

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/ipc.h"

#define ETHER 14

/* A frame and what the kernel knows of it beside its bytes. */
struct sample {
	uint8_t bytes[160];
	uint32_t len;
	enum link_layer link;
	bool vlan;
	uint16_t tci; /* of the tag */
	uint16_t protocol;
	bool leaves; /* sent by the interface, rather than received */
	bool for_others;
	uint32_t mark;
};

struct machine {
	const struct sample *s;
	uint32_t a, x, mem[16];
	bool failed;
};

static inline uint32_t load_bytes(struct machine *m, uint32_t offset, unsigned bytes)
{
	uint32_t v = 0;

	if (offset > m->s->len || bytes > m->s->len - offset) {
		m->failed = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | m->s->bytes[offset + i];
	return v;
}

/* As bpf_internal_load_pointer_neg_helper() and the ancillary loads do. */
static inline uint32_t load(struct machine *m, uint32_t k, unsigned bytes)
{
	const uint32_t network = m->s->link == LINK_ETHERNET ? ETHER : 0;
	const int32_t offset = (int32_t)k;

	if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
		return m->s->protocol;
	if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
		return m->s->leaves       ? PACKET_OUTGOING
		       : m->s->for_others ? PACKET_OTHERHOST
					  : PACKET_MULTICAST;
	if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_MARK))
		return m->s->mark;
	if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT))
		return m->s->vlan;
	if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG))
		return m->s->tci;
	if (offset >= 0)
		return load_bytes(m, k, bytes);
	if (offset >= SKF_NET_OFF && offset < SKF_AD_OFF)
		return load_bytes(m, network + (uint32_t)(offset - SKF_NET_OFF), bytes);
	fail_msg("load of offset %d", offset);
	return 0;
}

static inline unsigned width(uint16_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_W:
		return 4;
	case BPF_H:
		return 2;
	}
	return 1;
}

static inline void run_load(struct machine *m, const struct sock_filter *f)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
		m->a = load(m, f->k, width(f->code));
		break;
	case BPF_LD | BPF_H | BPF_IND:
		m->a = load(m, f->k + m->x, 2);
		break;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = m->s->len;
		break;
	case BPF_LD | BPF_IMM:
		m->a = f->k;
		break;
	case BPF_LDX | BPF_B | BPF_MSH:
		m->x = (load(m, f->k, 1) & 0xf) * 4;
		break;
	case BPF_LDX | BPF_MEM:
		m->x = m->mem[f->k];
		break;
	case BPF_ST:
		m->mem[f->k] = m->a;
		break;
	default:
		fail_msg("instruction %#x", f->code);
	}
}

static inline void run_alu(struct machine *m, const struct sock_filter *f)
{
	const uint32_t v = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_SUB:
		m->a -= v;
		break;
	case BPF_MUL:
		m->a *= v;
		break;
	case BPF_RSH:
		m->a >>= v;
		break;
	case BPF_XOR:
		m->a ^= v;
		break;
	case BPF_MOD:
		m->a %= v;
		break;
	default:
		fail_msg("instruction %#x", f->code);
	}
}

static inline uint32_t jump(const struct machine *m, const struct sock_filter *f)
{
	const uint32_t v = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_JA:
		return f->k;
	case BPF_JEQ:
		return m->a == v ? f->jt : f->jf;
	case BPF_JGE:
		return m->a >= v ? f->jt : f->jf;
	case BPF_JSET:
		return m->a & v ? f->jt : f->jf;
	}
	fail_msg("instruction %#x", f->code);
	return 0;
}

static inline uint32_t bpf_run(const struct sock_filter *prog, unsigned n, const struct sample *s)
{
	struct machine m = {.s = s};

	for (uint32_t pc = 0; pc < n; pc++) {
		const struct sock_filter *f = &prog[pc];

		switch (BPF_CLASS(f->code)) {
		case BPF_RET:
			return f->code == (BPF_RET | BPF_A) ? m.a : f->k;
		case BPF_JMP:
			pc += jump(&m, f);
			break;
		case BPF_ALU:
			run_alu(&m, f);
			break;
		case BPF_MISC:
			if (f->code == (BPF_MISC | BPF_TAX))
				m.x = m.a;
			else
				m.a = m.x;
			break;
		default:
			run_load(&m, f);
		}
		if (m.failed)
			return 0;
	}
	fail_msg("ran off the end of a program of %u", n);
	return 0;
}

#endif
