// SPDX-License-Identifier: MIT
/*
 * igmp.c - reads /proc/net/igmp and /proc/net/mcfilter
 *
 * /proc/net/igmp lists the groups of each interface, /proc/net/mcfilter their sources.  The latter
 * has a trap: it skips an interface whose newest group has no sources.  So a source-specific
 * membership of our own is the newest while the file is read.
 */
#include "harness/check/igmp.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_HOSTS    "224.0.0.1"
#define PROBE_GROUP  "232.255.255.254"
#define PROBE_SOURCE "192.0.2.1"
#define ANY_SOURCE   ""

struct membership {
	char interface[IF_NAMESIZE];
	char group[INET_ADDRSTRLEN];
	char source[INET_ADDRSTRLEN]; /* ANY_SOURCE */
	bool wanted;                  /* by an active rule */
	bool joined;
};

struct memberships {
	struct membership *list; /* owned */
	size_t n;
	size_t room;
};

static struct membership *find(struct memberships *all, const char *interface, const char *group,
			       const char *source)
{
	struct membership *one;

	for (size_t i = 0; i < all->n; i++) {
		one = &all->list[i];
		if (!strcmp(one->group, group) && !strcmp(one->source, source) &&
		    !strcmp(one->interface, interface))
			return one;
	}
	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		struct membership *larger = realloc(all->list, room * sizeof(*larger));

		if (!larger)
			return NULL;
		all->list = larger;
		all->room = room;
	}
	one = &all->list[all->n++];
	*one = (struct membership){0};
	snprintf(one->interface, sizeof(one->interface), "%s", interface);
	snprintf(one->group, sizeof(one->group), "%s", group);
	snprintf(one->source, sizeof(one->source), "%s", source);
	return one;
}

static void note(struct memberships *all, const char *interface, const char *group,
		 const char *source, bool wanted)
{
	struct membership *one = find(all, interface, group, source);

	if (one && wanted)
		one->wanted = true;
	else if (one)
		one->joined = true;
}

static bool is_multicast(const char *address)
{
	struct in_addr in;

	return inet_pton(AF_INET, address, &in) == 1 && IN_MULTICAST(ntohl(in.s_addr));
}

static void note_rules(const struct check_relay *relay, struct memberships *all)
{
	const cJSON *rule;

	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(relay->rules, "rules")) {
		const cJSON *input = cJSON_GetObjectItemCaseSensitive(rule, "input");

		if (!strcmp(check_text(rule, "state"), "active") &&
		    is_multicast(check_text(input, "group")))
			note(all, check_text(input, "interface"), check_text(input, "group"),
			     check_text(input, "source"), true);
	}
}

/* "Idx Device : Count Querier", then lines with a tab: the group in the machine's byte order. */
static void note_groups(struct memberships *all, FILE *file)
{
	char interface[IF_NAMESIZE] = "";
	char line[256];

	while (fgets(line, sizeof(line), file)) {
		struct in_addr group;
		char text[INET_ADDRSTRLEN];

		if (*line != '\t') {
			sscanf(line, "%*d %15s", interface);
			continue;
		}
		if (sscanf(line, " %8x", &group.s_addr) != 1)
			continue;
		inet_ntop(AF_INET, &group, text, sizeof(text));
		if (strcmp(text, ALL_HOSTS))
			note(all, interface, text, ANY_SOURCE, false);
	}
}

/* "Idx Device MCA SRC INC EXC", addresses as numbers. */
static void note_sources(struct memberships *all, FILE *file)
{
	char line[256];

	while (fgets(line, sizeof(line), file)) {
		char interface[IF_NAMESIZE];
		uint32_t group;
		uint32_t source;
		char group_text[INET_ADDRSTRLEN];
		char source_text[INET_ADDRSTRLEN];

		if (sscanf(line, "%*d %15s 0x%" SCNx32 " 0x%" SCNx32, interface, &group, &source) !=
		    3)
			continue;
		group = htonl(group);
		source = htonl(source);
		inet_ntop(AF_INET, &group, group_text, sizeof(group_text));
		inet_ntop(AF_INET, &source, source_text, sizeof(source_text));
		note(all, interface, group_text, source_text, false);
	}
}

static int open_probe(void)
{
	struct if_nameindex *list = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (const struct if_nameindex *one = list; one && one->if_index; one++) {
		struct group_source_req request = {.gsr_interface = one->if_index};
		struct sockaddr_in *group = (struct sockaddr_in *)&request.gsr_group;
		struct sockaddr_in *source = (struct sockaddr_in *)&request.gsr_source;

		group->sin_family = source->sin_family = AF_INET;
		inet_pton(AF_INET, PROBE_GROUP, &group->sin_addr);
		inet_pton(AF_INET, PROBE_SOURCE, &source->sin_addr);
		/* An interface that refuses this has no other memberships either. */
		setsockopt(fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &request, sizeof(request));
	}
	if (list)
		if_freenameindex(list);
	return fd;
}

static void read_proc(const char *path, struct memberships *all,
		      void (*read)(struct memberships *, FILE *))
{
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	read(all, file);
	fclose(file);
}

/* A group with sources is in both files: its line without sources is no further membership. */
static bool has_sources(const struct memberships *all, const struct membership *one)
{
	for (size_t i = 0; i < all->n; i++)
		if (*all->list[i].source && all->list[i].joined &&
		    !strcmp(all->list[i].group, one->group) &&
		    !strcmp(all->list[i].interface, one->interface))
			return true;
	return false;
}

void check_memberships(const struct check_relay *relay, bool alone, struct check_faults *faults)
{
	struct memberships all = {0};
	int probe;

	note_rules(relay, &all);
	read_proc("/proc/self/net/igmp", &all, note_groups);
	probe = open_probe();
	read_proc("/proc/self/net/mcfilter", &all, note_sources);
	if (probe >= 0)
		close(probe);
	for (size_t i = 0; i < all.n; i++) {
		const struct membership *one = &all.list[i];
		const char *from = *one->source ? " from " : "";

		if (!strcmp(one->group, PROBE_GROUP) && !strcmp(one->source, PROBE_SOURCE))
			continue;
		if (one->wanted && !one->joined)
			check_fault(faults, "memberships: %s%s%s is not joined on %s", one->group,
				    from, one->source, one->interface);
		else if (!one->wanted && alone && (*one->source || !has_sources(&all, one)))
			check_fault(faults,
				    "memberships: %s%s%s is joined on %s, but no active rule "
				    "wants it",
				    one->group, from, one->source, one->interface);
	}
	free(all.list);
}
