// SPDX-License-Identifier: MIT
/* relays.c - the table of relays */
#include "harness/bench/relays.h"

#include "harness/bench/mcr.h"
#include "harness/bench/rivals.h"

static const struct bench_relay relays[BENCH_BACKENDS] = {
	[BENCH_MCR] = {.takes_super = true,
		       .translates = true,
		       .user_space = true,
		       .start = bench_mcr_start,
		       .rule_add = bench_mcr_rule_add,
		       .rule_remove = bench_mcr_rule_remove},
	[BENCH_PER_PACKET] = {.translates = true,
			      .user_space = true,
			      .per_packet = true,
			      .start = bench_mcr_start,
			      .rule_add = bench_mcr_rule_add,
			      .rule_remove = bench_mcr_rule_remove},
	[BENCH_RECV_SEND] = {.translates = true,
			     .user_space = true,
			     .start = bench_recv_send_start},
	[BENCH_SOCAT] = {.translates = true, .user_space = true, .start = bench_socat_start},
	[BENCH_KERNEL] = {.takes_super = true,
			  .start = bench_kernel_start,
			  .rule_add = bench_kernel_rule_add,
			  .rule_remove = bench_kernel_rule_remove},
	[BENCH_NFTABLES] = {.takes_super = true, .translates = true, .start = bench_nftables_start},
	[BENCH_MCR_KERNEL] = {.takes_super = true,
			      .translates = true,
			      .user_space = true,
			      .kernel_path = true,
			      .start = bench_mcr_start,
			      .rule_add = bench_mcr_rule_add,
			      .rule_remove = bench_mcr_rule_remove},
};

const struct bench_relay *bench_relay(enum bench_backend id)
{
	return &relays[id];
}
