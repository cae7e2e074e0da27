/* SPDX-License-Identifier: MIT */
/* steer_fixture.h - random frames for the generated programs */
#ifndef TESTS_UNIT_CORE_STEER_FIXTURE_H
#define TESTS_UNIT_CORE_STEER_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rules/steer.h"
#include "tests/unit/core/bpf_fixture.h"

static uint64_t rng_state;

static uint32_t rng(void)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng_state >> 33);
}

/* A frame to (group, port) with a header of @ihl words, cut to @len bytes. */
static struct sample sample_of(enum link_layer link, uint32_t group, uint16_t port, unsigned ihl,
			       uint32_t len)
{
	struct sample s = {.len = len, .link = link, .protocol = ETH_P_IP};
	uint8_t *ip = s.bytes + (link == LINK_ETHERNET ? ETHER : 0);
	const uint32_t group_be = htonl(group);

	ip[0] = (uint8_t)(0x40 | ihl);
	ip[9] = 17;
	memcpy(ip + 16, &group_be, 4);
	if (ihl >= 5) {
		ip[ihl * 4 + 2] = (uint8_t)(port >> 8);
		ip[ihl * 4 + 3] = (uint8_t)port;
	}
	return s;
}

#endif
