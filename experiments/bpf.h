/* SPDX-License-Identifier: MIT */
/*
 * bpf.h - tc programs of a few instructions, written as such: no compiler is needed
 *
 * A program has one array map with one value of four words, which is mapped here.
 */
#ifndef EXPERIMENTS_BPF_H
#define EXPERIMENTS_BPF_H

#include <linux/bpf.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "experiments/poc.h"

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOVE(d, s)            INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i)             INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define OR(d, i)              INSN(BPF_ALU64 | BPF_OR | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o)   INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, o, s)  INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define ADD_TO(d, o, s)       INSN(BPF_STX | BPF_ATOMIC | BPF_DW, d, s, o, BPF_ADD)
#define UNLESS_EQUAL(d, i, o) INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define IF_EQUAL(d, i, o)     INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define CALL(function)        INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define END                   INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two instructions: the address of the map's value. */
#define VALUE_OF(d, map) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, 0)

#define SKB(member) ((short)offsetof(struct __sk_buff, member))

/* linux/bpf.h of Linux 6.6 and newer. */
#define POC_TCX_INGRESS 46

static inline int poc_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Four words, mapped at *words. */
static inline int poc_bpf_map(volatile uint64_t **words)
{
	union bpf_attr attr;
	void *mem;
	int map;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 32;
	attr.max_entries = 1;
	attr.map_flags = BPF_F_MMAPABLE;
	map = (int)poc_must(poc_bpf(BPF_MAP_CREATE, &attr), "BPF_MAP_CREATE");
	mem = mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	poc_must(mem == MAP_FAILED ? -1 : 0, "mmap of the map");
	*words = mem;
	return map;
}

static inline int poc_bpf_program(const struct bpf_insn *insns, unsigned n)
{
	static char log[65536];
	union bpf_attr attr;
	int program;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "Dual MIT/GPL";
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	program = poc_bpf(BPF_PROG_LOAD, &attr);
	if (program < 0)
		printf("%s\n", log);
	return (int)poc_must(program, "BPF_PROG_LOAD");
}

/* Return: the link's descriptor, or a negative errno. */
static inline int poc_bpf_attach(int program, const char *ifname)
{
	union bpf_attr attr;
	int link;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = (uint32_t)poc_ifindex(ifname);
	attr.link_create.attach_type = POC_TCX_INGRESS;
	link = poc_bpf(BPF_LINK_CREATE, &attr);
	return link < 0 ? -errno : link;
}

static inline int poc_bpf_pin(int fd, const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	attr.bpf_fd = (uint32_t)fd;
	return poc_bpf(BPF_OBJ_PIN, &attr) < 0 ? -errno : 0;
}

#endif
