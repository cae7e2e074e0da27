// SPDX-License-Identifier: MIT
/* ifspec.c - resolve a name or an address to an interface */
#include "harness/traffic/ifspec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>

static int by_address(struct ifspec *spec, struct in_addr address)
{
	struct ifaddrs *all;
	int ret = -ENODEV;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)ifa->ifa_addr;

		if (!sin || sin->sin_family != AF_INET || sin->sin_addr.s_addr != address.s_addr)
			continue;
		spec->address = address;
		snprintf(spec->name, sizeof(spec->name), "%s", ifa->ifa_name);
		spec->ifindex = if_nametoindex(spec->name);
		ret = spec->ifindex ? 0 : -ENODEV;
		break;
	}
	freeifaddrs(all);
	return ret;
}

int ifspec_resolve(struct ifspec *spec, const char *text)
{
	struct in_addr address;

	*spec = (struct ifspec){0};
	if (inet_pton(AF_INET, text, &address) == 1)
		return by_address(spec, address);
	spec->ifindex = if_nametoindex(text);
	if (!spec->ifindex)
		return -ENODEV;
	snprintf(spec->name, sizeof(spec->name), "%s", text);
	return 0;
}
