// SPDX-License-Identifier: MIT
/*
 * hostile_maps.c - a sealed control and the maps of the kernel path
 *
 * It tries every command of bpf(2) with the descriptor of a map of its own, but for those on
 * elements, which it needs.  Then it does what those are enough for: it has the kernel relay a
 * group that no rule names, to an interface and a group of its choice.  Entries that lead
 * nowhere or in a circle come first; they must harm no other stream.
 *
 * MCR_HOSTILE_IFINDEX, MCR_HOSTILE_OUT_IFINDEX: the interfaces.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/rules/kernel_path_map.h"
#include "daemon/control/kernel_map_state.h"
#include "daemon/control/state.h"
#include "tests/hostile/hostile.h"

#define COMMANDS 64
#define BLOCK    (KERNEL_PATH_BLOCKS - 1) /* far from those in use */
#define NO_BLOCK 0xfffffff0u

static bool is_for_elements(unsigned command)
{
	return command == BPF_MAP_LOOKUP_ELEM || command == BPF_MAP_UPDATE_ELEM ||
	       command == BPF_MAP_DELETE_ELEM || command == BPF_MAP_GET_NEXT_KEY ||
	       command == BPF_MAP_LOOKUP_BATCH;
}

static void commands(int map)
{
	union bpf_attr attr;
	char text[48];

	for (unsigned i = 0; i < COMMANDS; i++) {
		if (is_for_elements(i))
			continue;
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (uint32_t)map;
		snprintf(text, sizeof(text), "bpf command %u", i);
		hostile_say("control", text, hostile_call(SYS_bpf, i, &attr, sizeof(attr)));
	}
}

static unsigned number(const char *name)
{
	const char *text = getenv(name);

	return text ? (unsigned)atoi(text) : 0;
}

static struct kernel_path_key key_of(unsigned port)
{
	return (struct kernel_path_key){.ifindex = number("MCR_HOSTILE_IFINDEX"),
					.group = inet_addr("239.9.9.9"),
					.port = htons((uint16_t)port)};
}

static struct kernel_path_block block_of(const struct kernel_path_key *key)
{
	struct kernel_path_block b = {.key = *key, .mtu = 1500, .n_outputs = 1, .next = BLOCK};

	b.slot = KERNEL_PATH_RULES - 1;
	b.iface = KERNEL_PATH_IFACES - 1;
	b.output[0] =
		(struct kernel_path_output){.ifindex = number("MCR_HOSTILE_OUT_IFINDEX"),
					    .slot = KERNEL_PATH_OUTPUTS - 1,
					    .source = inet_addr("10.90.1.66"),
					    .group = inet_addr("239.9.9.8"),
					    .port = htons(6009),
					    .ttl = 9,
					    .mac = {0x01, 0x00, 0x5e, 9, 9, 8, 2, 0, 0, 0, 0, 9}};
	return b;
}

static long put(struct kernel_map *m, const struct kernel_path_key *key, uint32_t block)
{
	return bpf_map_put(m->rules, key, KERNEL_PATH_REF_RELAY | block);
}

/* Entries that lead nowhere or in a circle: no frame may follow them for ever. */
static void damage(struct kernel_map *m)
{
	struct kernel_path_key key = key_of(5001);
	struct kernel_path_block *b = &m->blocks[BLOCK - 1];

	hostile_say("control", "put: no such block", put(m, &key, NO_BLOCK));
	key = key_of(5002);
	*b = block_of(&key);
	b->n_outputs = UINT32_MAX;
	b->next = BLOCK - 1;
	hostile_say("control", "put: a circle of blocks", put(m, &key, BLOCK - 1));
	key = key_of(5003);
	b = &m->blocks[BLOCK - 2];
	*b = block_of(&key);
	b->slot = b->iface = b->output[0].slot = b->output[0].ifindex = UINT32_MAX;
	hostile_say("control", "put: slots that there are not", put(m, &key, BLOCK - 2));
}

static void redirect(struct kernel_map *m)
{
	const struct kernel_path_key key = key_of(5000);

	m->blocks[BLOCK] = block_of(&key);
	put(m, &key, BLOCK);
}

void hostile_maps(struct control *c)
{
	struct kernel_map *m = c->kernel_path.map;
	static bool tried;

	if (!tried) {
		commands(m->rules);
		damage(m);
		hostile_say("control", "end", 0);
	}
	tried = true;
	/* Again and again: what differs from the rules is put right within two seconds. */
	redirect(m);
}
