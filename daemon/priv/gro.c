// SPDX-License-Identifier: MIT
/*
 * gro.c - UDP GRO of an interface, by ETHTOOL ioctls
 *
 * Two features decide: "rx-gro" (NAPI GRO at all) and "rx-udp-gro-forwarding" (GRO
 * of UDP that no local socket asked for, since Linux 5.12).  "rx-gro-list" also
 * makes super-datagrams of UDP; it is read so that buffers fit, never changed.
 * Features are found by name, because their bit positions differ between kernels
 * (Documentation/networking/netdev-features.rst).
 */
#include "daemon/priv/gro.h"

#include <assert.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURES_MAX 256 /* the kernel has about 64 */
#define BLOCKS_MAX   (FEATURES_MAX / 32)

/*
 * struct ethtool_gstrings, _gfeatures, _sfeatures and _sset_info of linux/ethtool.h
 * with room for their variable part.
 */
struct names {
	__u32 cmd, string_set, len;
	char text[FEATURES_MAX][ETH_GSTRING_LEN];
};
static_assert(offsetof(struct names, text) == sizeof(struct ethtool_gstrings), "ethtool layout");

struct features {
	__u32 cmd, size;
	struct ethtool_get_features_block block[BLOCKS_MAX];
};
static_assert(offsetof(struct features, block) == sizeof(struct ethtool_gfeatures),
	      "ethtool layout");

struct change {
	__u32 cmd, size;
	struct ethtool_set_features_block block[BLOCKS_MAX];
};
static_assert(offsetof(struct change, block) == sizeof(struct ethtool_sfeatures), "ethtool layout");

struct set_info {
	__u32 cmd, reserved;
	__u64 sset_mask;
	__u32 count;
};
static_assert(offsetof(struct set_info, count) == sizeof(struct ethtool_sset_info),
	      "ethtool layout");

struct feature_bits {
	unsigned n;
	int gro, udp_forwarding, fraglist; /* -1: this kernel has no such feature */
};

static int ethtool(int sock, unsigned ifindex, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	if (!if_indextoname(ifindex, ifr.ifr_name))
		return -errno;
	return ioctl(sock, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static int find_features(int sock, unsigned ifindex, struct feature_bits *bits)
{
	struct set_info info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES};
	struct names names = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES};
	int ret = ethtool(sock, ifindex, &info);

	if (ret < 0)
		return ret;
	if (!info.sset_mask || info.count > FEATURES_MAX)
		return -EOPNOTSUPP;
	names.len = info.count;
	ret = ethtool(sock, ifindex, &names);
	if (ret < 0)
		return ret;
	*bits = (struct feature_bits){info.count, -1, -1, -1};
	for (unsigned i = 0; i < info.count; i++) {
		if (!strncmp(names.text[i], "rx-gro", ETH_GSTRING_LEN))
			bits->gro = (int)i;
		else if (!strncmp(names.text[i], "rx-udp-gro-forwarding", ETH_GSTRING_LEN))
			bits->udp_forwarding = (int)i;
		else if (!strncmp(names.text[i], "rx-gro-list", ETH_GSTRING_LEN))
			bits->fraglist = (int)i;
	}
	return bits->gro < 0 || bits->udp_forwarding < 0 ? -EOPNOTSUPP : 0;
}

static bool feature_is_on(const struct features *f, int bit)
{
	return bit >= 0 && (f->block[bit / 32].active & (1u << (bit % 32)));
}

int priv_gro_get(unsigned ifindex, struct priv_gro_state *st)
{
	struct features f = {.cmd = ETHTOOL_GFEATURES, .size = BLOCKS_MAX};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct feature_bits bits;
	int ret;

	memset(st, 0, sizeof(*st));
	if (sock < 0)
		return -errno;
	ret = find_features(sock, ifindex, &bits);
	if (ret == 0)
		ret = ethtool(sock, ifindex, &f);
	if (ret == 0) {
		st->gro = feature_is_on(&f, bits.gro);
		st->udp_forwarding = feature_is_on(&f, bits.udp_forwarding);
		st->fraglist = feature_is_on(&f, bits.fraglist);
	}
	close(sock);
	return ret;
}

static void want_feature(struct change *c, int bit, bool on)
{
	c->block[bit / 32].valid |= 1u << (bit % 32);
	if (on)
		c->block[bit / 32].requested |= 1u << (bit % 32);
}

int priv_gro_set(unsigned ifindex, const struct priv_gro_state *st)
{
	struct change c = {.cmd = ETHTOOL_SFEATURES};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct feature_bits bits;
	int ret;

	if (sock < 0)
		return -errno;
	ret = find_features(sock, ifindex, &bits);
	if (ret == 0) {
		/* The kernel insists on exactly as many blocks as it has features. */
		c.size = (bits.n + 31) / 32;
		want_feature(&c, bits.gro, st->gro);
		want_feature(&c, bits.udp_forwarding, st->udp_forwarding);
		ret = ethtool(sock, ifindex, &c);
	}
	close(sock);
	return ret;
}
