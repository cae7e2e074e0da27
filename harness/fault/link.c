// SPDX-License-Identifier: MIT
/* link.c - faults of interfaces, over rtnetlink */
#include "harness/fault/link.h"

#include <errno.h>
#include <net/if.h>

#include "harness/link/rtnl.h"
#include "harness/topology/state.h"

#define CARRIER_MS 5000

/* Return: the interface's index with @rtnl open, or negative errno. */
static int open_for(struct rtnl *rtnl, const char *interface)
{
	int index = (int)if_nametoindex(interface);
	int ret = index ? rtnl_open(rtnl) : -ENODEV;

	return ret < 0 ? ret : index;
}

int fault_link_down(const char *interface)
{
	struct rtnl rtnl;
	int index = open_for(&rtnl, interface);
	int ret = index;

	if (index < 0)
		return index;
	ret = rtnl_set_down(&rtnl, index);
	rtnl_close(&rtnl);
	return ret;
}

int fault_link_up(const char *interface)
{
	struct rtnl rtnl;
	int index = open_for(&rtnl, interface);
	int ret;

	if (index < 0)
		return index;
	ret = rtnl_set_up(&rtnl, index);
	if (ret == 0)
		ret = rtnl_wait_running(&rtnl, index, deadline_in_ms(CARRIER_MS));
	rtnl_close(&rtnl);
	return ret;
}

int fault_link_delete(const char *interface)
{
	struct rtnl rtnl;
	int index = open_for(&rtnl, interface);
	int ret;

	if (index < 0)
		return index;
	ret = rtnl_delete(&rtnl, index);
	rtnl_close(&rtnl);
	return ret;
}

int fault_link_rename(const char *interface, const char *name)
{
	struct rtnl rtnl;
	int index = open_for(&rtnl, interface);
	int ret;

	if (index < 0)
		return index;
	ret = rtnl_rename(&rtnl, index, name);
	/* Before Linux 6.2 an interface had to be down for that. */
	if (ret == -EBUSY) {
		ret = rtnl_set_down(&rtnl, index);
		if (ret == 0)
			ret = rtnl_rename(&rtnl, index, name);
		rtnl_set_up(&rtnl, index);
	}
	rtnl_close(&rtnl);
	return ret;
}

int fault_link_readdress(const char *interface, const struct topo_address *address)
{
	struct rtnl rtnl;
	int index = open_for(&rtnl, interface);
	int ret;

	if (index < 0)
		return index;
	ret = rtnl_flush_addresses(&rtnl, index);
	if (ret == 0)
		ret = rtnl_add_address(&rtnl, index, address);
	rtnl_close(&rtnl);
	return ret;
}
