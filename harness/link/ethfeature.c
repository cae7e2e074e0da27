// SPDX-License-Identifier: MIT
/* ethfeature.c - ETHTOOL_GFEATURES and ETHTOOL_SFEATURES */
#include "harness/link/ethfeature.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int ethtool(int fd, const char *interface, void *command)
{
	struct ifreq request = {.ifr_data = command};
	int ret;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	ret = ioctl(fd, SIOCETHTOOL, &request);
	return ret < 0 ? -errno : ret;
}

static int count_features(int fd, const char *interface, uint32_t *n)
{
	_Alignas(struct ethtool_sset_info)
		uint8_t bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)] = {0};
	struct ethtool_sset_info *info = (struct ethtool_sset_info *)bytes;
	int ret;

	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ull << ETH_SS_FEATURES;
	ret = ethtool(fd, interface, info);
	*n = info->data[0];
	return ret < 0 ? ret : 0;
}

static int find_feature(const struct ethtool_gstrings *names, const char *name)
{
	for (uint32_t i = 0; i < names->len; i++)
		if (!strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, name,
			     ETH_GSTRING_LEN))
			return (int)i;
	return -ENOENT;
}

static int mark(struct ethtool_sfeatures *request, const struct ethtool_gstrings *names,
		const struct ethfeature *feature)
{
	int bit = find_feature(names, feature->name);
	struct ethtool_set_features_block *block;

	if (bit < 0)
		return bit;
	block = &request->features[bit / 32];
	block->valid |= 1u << (bit % 32);
	if (feature->on)
		block->requested |= 1u << (bit % 32);
	return 0;
}

int ethfeature_set(int fd, const char *interface, const struct ethfeature *features,
		   size_t n_features)
{
	struct ethtool_gstrings *names = NULL;
	struct ethtool_sfeatures *request = NULL;
	uint32_t n_blocks;
	uint32_t n;
	int ret = count_features(fd, interface, &n);

	if (ret < 0)
		return ret;
	n_blocks = (n + 31) / 32;
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	request = calloc(1, sizeof(*request) + n_blocks * sizeof(request->features[0]));
	if (!names || !request) {
		ret = -ENOMEM;
		goto out;
	}
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = n;
	ret = ethtool(fd, interface, names);
	request->cmd = ETHTOOL_SFEATURES;
	request->size = n_blocks;
	for (size_t i = 0; i < n_features && ret >= 0; i++)
		ret = mark(request, names, &features[i]);
	if (ret >= 0)
		ret = ethtool(fd, interface, request);
	if (ret > 0) /* ETHTOOL_F_UNSUPPORTED, ETHTOOL_F_WISH */
		ret = -EOPNOTSUPP;
out:
	free(names);
	free(request);
	return ret;
}
