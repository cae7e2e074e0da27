// SPDX-License-Identifier: MIT
/* topology.c - read a topology from JSON; the first error ends it */
#include "harness/topology/topology.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/decimal.h"
#include "harness/base/jsonread.h"
#include "harness/topology/find.h"

#define MTU_MIN     68
#define MTU_MAX     65535
#define MTU_DEFAULT 1500

struct reader {
	struct jsonread json; /* first: what reads topologies is a JSON reader */
	struct topology *topo;
};

static struct topology *topo_of(struct jsonread *r)
{
	return ((struct reader *)r)->topo;
}

static bool is_interface_name(const char *name)
{
	if (!*name || strlen(name) >= IF_NAMESIZE || !strcmp(name, ".") || !strcmp(name, "..") ||
	    !strcmp(name, "lo") || !strcmp(name, "all") || !strcmp(name, "default"))
		return false;
	/* The kernel takes a '%' for a pattern of names; the rest is for those who read drawings.
	 */
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.@+", *name))
			return false;
	return true;
}

static bool is_node_name(const char *name)
{
	if (!*name || strlen(name) >= TOPO_NAME_SIZE)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
			return false;
	return true;
}

int topology_parse_address(struct topo_address *address, const char *text, bool with_prefix)
{
	char copy[sizeof(address->text)];
	char *slash;
	uint64_t bits;

	*address = (struct topo_address){0};
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, strlen(text) + 1);
	memcpy(address->text, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	if (!slash != !with_prefix)
		return -EINVAL;
	if (slash)
		*slash = '\0';
	address->family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(address->family, copy, address->bytes) != 1)
		return -EINVAL;
	address->prefix_bits = address->family == AF_INET ? 32 : 128;
	if (!slash)
		return 0;
	if (decimal_whole(slash + 1, 0, address->prefix_bits, &bits) < 0)
		return -EINVAL;
	address->prefix_bits = (uint8_t)bits;
	return 0;
}

static int read_address(struct jsonread *r, const cJSON *item, void *target, unsigned index)
{
	struct topo_interface *iface = target;

	if (!cJSON_IsString(item) ||
	    topology_parse_address(&iface->addresses[index], item->valuestring, true))
		return jsonread_fail(
			r, "must be an address with its prefix length, such as 10.0.0.1/24");
	iface->n_addresses = index + 1;
	return 0;
}

static int read_mac(struct jsonread *r, const cJSON *object, struct topo_interface *iface)
{
	const char *text = NULL;
	uint8_t *mac = iface->mac;
	int length = 0;
	int ret = jsonread_text(r, object, "mac", &text);

	if (ret < 0 || !text)
		return ret;
	jsonread_enter_key(r, "mac");
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &length) != 6 ||
	    text[length] || (mac[0] & 1))
		return jsonread_fail(r, "must be a unicast MAC address, such as 02:00:00:00:00:01");
	iface->has_mac = true;
	jsonread_leave(r);
	return 0;
}

/* "node:interface", of an interface that does not exist yet. */
static int read_at(struct jsonread *r, const cJSON *object, struct topo_interface *iface)
{
	const char *text = NULL;
	char node[TOPO_TEXT_SIZE];
	const char *colon;
	int index;
	int ret = jsonread_text(r, object, "at", &text);

	if (ret < 0)
		return ret;
	if (!text)
		return jsonread_fail(r, "the field 'at' is missing");
	jsonread_enter_key(r, "at");
	colon = strchr(text, ':');
	if (!colon)
		return jsonread_fail(r, "'%s' must be node:interface", text);
	snprintf(node, sizeof(node), "%.*s", (int)(colon - text), text);
	index = topology_node(topo_of(r), node);
	if (index < 0)
		return jsonread_fail(r, "there is no node '%s'", node);
	if (!is_interface_name(colon + 1))
		return jsonread_fail(r, "'%s' cannot be the name of an interface", colon + 1);
	if (topology_interface(topo_of(r), (unsigned)index, colon + 1))
		return jsonread_fail(r, "node '%s' has an interface '%s' already", node, colon + 1);
	iface->node = (unsigned)index;
	snprintf(iface->name, sizeof(iface->name), "%s", colon + 1);
	jsonread_leave(r);
	return 0;
}

static bool same_address(const struct topo_address *a, const struct topo_address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Nobody could tell whom a packet to it is for. */
static int refuse_same_address(struct jsonread *r, const struct topo_link *link)
{
	const struct topo_interface *a = &link->ends[0];
	const struct topo_interface *b = &link->ends[1];

	for (unsigned i = 0; i < a->n_addresses * b->n_addresses; i++)
		if (same_address(&a->addresses[i % a->n_addresses],
				 &b->addresses[i / a->n_addresses]))
			return jsonread_fail(r, "%s is an address of both ends",
					     b->addresses[i / a->n_addresses].text);
	return 0;
}

/* Fields of an Ethernet interface that a tun device does not have. */
static int refuse_ethernet(struct jsonread *r, const cJSON *item)
{
	static const char *const ethernet[] = {"mac", "gro", "uso"};

	for (size_t i = 0; i < sizeof(ethernet) / sizeof(*ethernet); i++)
		if (cJSON_GetObjectItemCaseSensitive(item, ethernet[i])) {
			jsonread_enter_key(r, ethernet[i]);
			return jsonread_fail(r, "a tun device has none");
		}
	return 0;
}

static int read_end(struct jsonread *r, const cJSON *item, void *target, unsigned index)
{
	static const char *const allowed[] = {"at", "addresses", "mac", "mtu", "gro", "uso", NULL};
	struct topo_link *link = target;
	struct topo_interface *iface = &link->ends[index];
	int ret = jsonread_object(r, item, allowed);

	if (ret == 0)
		ret = read_at(r, item, iface);
	if (ret == 0 && index == 1 && iface->node == link->ends[0].node &&
	    !strcmp(iface->name, link->ends[0].name))
		ret = jsonread_fail(r, "both ends are the same interface");
	if (ret == 0)
		ret = read_mac(r, item, iface);
	if (ret == 0)
		ret = jsonread_number(r, item, "mtu", MTU_MIN, MTU_MAX, &iface->mtu_bytes);
	if (ret == 0)
		ret = jsonread_bool(r, item, "gro", &iface->gro);
	if (ret == 0)
		ret = jsonread_bool(r, item, "uso", &iface->uso);
	if (ret == 0 && link->kind == TOPO_TUN)
		ret = refuse_ethernet(r, item);
	if (ret == 0)
		ret = jsonread_array(r, item, "addresses", TOPO_MAX_ADDRESSES, read_address, iface);
	return ret || index == 0 ? ret : refuse_same_address(r, link);
}

static int read_kind(struct jsonread *r, const cJSON *object, struct topo_link *link)
{
	const char *kind = "veth";
	int ret = jsonread_text(r, object, "kind", &kind);

	if (ret == 0)
		ret = jsonread_bool(r, object, "wire", &link->wire);
	if (ret < 0)
		return ret;
	if (!strcmp(kind, "tun")) {
		link->kind = TOPO_TUN;
	} else if (strcmp(kind, "veth")) {
		jsonread_enter_key(r, "kind");
		return jsonread_fail(r, "must be veth or tun");
	}
	if (link->wire && link->kind == TOPO_TUN) {
		jsonread_enter_key(r, "wire");
		return jsonread_fail(r, "a tun link cannot have one");
	}
	return 0;
}

static int read_link(struct jsonread *r, const cJSON *item, void *target, unsigned index)
{
	static const char *const allowed[] = {"ends", "mtu", "kind", "wire", NULL};
	struct topology *topo = target;
	struct topo_link *link = &topo->links[index];
	uint32_t mtu_bytes = MTU_DEFAULT;
	const cJSON *ends;
	int ret = jsonread_object(r, item, allowed);

	if (ret == 0)
		ret = jsonread_number(r, item, "mtu", MTU_MIN, MTU_MAX, &mtu_bytes);
	if (ret == 0)
		ret = read_kind(r, item, link);
	if (ret < 0)
		return ret;
	ends = cJSON_GetObjectItemCaseSensitive(item, "ends");
	if (cJSON_GetArraySize(ends) != 2)
		return jsonread_fail(r, "the field 'ends' must be an array of two ends");
	link->ends[0].mtu_bytes = mtu_bytes;
	link->ends[1].mtu_bytes = mtu_bytes;
	ret = jsonread_array(r, item, "ends", 2, read_end, link);
	topo->n_links = index + 1;
	return ret;
}

static int read_port(struct jsonread *r, const cJSON *item, void *target, unsigned index)
{
	struct topo_bridge *bridge = target;
	unsigned end;
	int link = -ENOENT;

	if (cJSON_IsString(item))
		link = topology_link(topo_of(r), bridge->self.node, item->valuestring, &end);
	if (link < 0)
		return jsonread_fail(r, "must be an interface of node '%s'",
				     topo_of(r)->nodes[bridge->self.node].name);
	if (topo_of(r)->links[link].kind == TOPO_TUN)
		return jsonread_fail(r, "a tun device cannot be a port of a bridge");
	snprintf(bridge->ports[index], sizeof(bridge->ports[index]), "%s", item->valuestring);
	bridge->n_ports = index + 1;
	return 0;
}

static int read_bridge(struct jsonread *r, const cJSON *item, void *target, unsigned index)
{
	static const char *const allowed[] = {"at", "addresses", "mtu", "ports", "snooping", NULL};
	struct topology *topo = target;
	struct topo_bridge *bridge = &topo->bridges[index];
	int ret = jsonread_object(r, item, allowed);

	bridge->self.mtu_bytes = MTU_DEFAULT;
	if (ret == 0)
		ret = read_at(r, item, &bridge->self);
	if (ret == 0)
		ret = jsonread_number(r, item, "mtu", MTU_MIN, MTU_MAX, &bridge->self.mtu_bytes);
	if (ret == 0)
		ret = jsonread_bool(r, item, "snooping", &bridge->snooping);
	if (ret == 0)
		ret = jsonread_array(r, item, "addresses", TOPO_MAX_ADDRESSES, read_address,
				     &bridge->self);
	if (ret == 0)
		ret = jsonread_array(r, item, "ports", TOPO_MAX_PORTS, read_port, bridge);
	if (ret == 0 && !bridge->n_ports)
		ret = jsonread_fail(r, "the field 'ports' must name at least one interface");
	topo->n_bridges = index + 1;
	return ret;
}

static int read_sysctl(struct jsonread *r, const cJSON *item, struct topo_sysctl *sysctl)
{
	if (!cJSON_IsString(item) || strlen(item->valuestring) >= sizeof(sysctl->value))
		return jsonread_fail(r, "must be a text");
	if (strncmp(item->string, "net.", 4) || strchr(item->string, '/') ||
	    strstr(item->string, "..") || strlen(item->string) >= sizeof(sysctl->path))
		return jsonread_fail(r, "is not a setting below net.");
	snprintf(sysctl->path, sizeof(sysctl->path), "%s", item->string);
	for (char *p = sysctl->path; *p; p++)
		if (*p == '.')
			*p = '/';
	snprintf(sysctl->value, sizeof(sysctl->value), "%s", item->valuestring);
	return 0;
}

static int read_sysctls(struct jsonread *r, const cJSON *object, struct topo_node *node)
{
	const cJSON *sysctls = cJSON_GetObjectItemCaseSensitive(object, "sysctls");
	const cJSON *item;

	if (!sysctls)
		return 0;
	jsonread_enter_key(r, "sysctls");
	if (!cJSON_IsObject(sysctls) || cJSON_GetArraySize(sysctls) > TOPO_MAX_SYSCTLS)
		return jsonread_fail(r, "must be an object of at most %d settings",
				     TOPO_MAX_SYSCTLS);
	cJSON_ArrayForEach(item, sysctls) {
		int ret;

		jsonread_enter_key(r, item->string);
		ret = read_sysctl(r, item, &node->sysctls[node->n_sysctls]);
		if (ret < 0)
			return ret;
		node->n_sysctls++;
		jsonread_leave(r);
	}
	jsonread_leave(r);
	return 0;
}

static int read_node(struct jsonread *r, const cJSON *item, struct topo_node *node)
{
	static const char *const allowed[] = {"rp_filter", "forwarding", "ipv6",
					      "routes",    "sysctls",    NULL};
	uint32_t rp_filter = 1;
	int ret = jsonread_object(r, item, allowed);

	if (ret == 0 && !is_node_name(item->string))
		ret = jsonread_fail(r, "a node's name has 1 to %d letters, digits, - and _",
				    TOPO_NAME_SIZE - 1);
	if (ret == 0)
		ret = jsonread_number(r, item, "rp_filter", 0, 2, &rp_filter);
	if (ret == 0)
		ret = jsonread_bool(r, item, "forwarding", &node->forwarding);
	if (ret == 0)
		ret = jsonread_bool(r, item, "ipv6", &node->ipv6);
	if (ret == 0)
		ret = read_sysctls(r, item, node);
	snprintf(node->name, sizeof(node->name), "%s", item->string);
	node->rp_filter = (uint8_t)rp_filter;
	return ret;
}

static int read_nodes(struct jsonread *r, const cJSON *root)
{
	const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(root, "nodes");
	const cJSON *item;

	if (!nodes)
		return jsonread_fail(r, "the field 'nodes' is missing");
	jsonread_enter_key(r, "nodes");
	if (!cJSON_IsObject(nodes) || !nodes->child)
		return jsonread_fail(r, "must be an object with at least one node");
	if (cJSON_GetArraySize(nodes) > TOPO_MAX_NODES)
		return jsonread_fail(r, "more than %d nodes", TOPO_MAX_NODES);
	cJSON_ArrayForEach(item, nodes) {
		int ret;

		jsonread_enter_key(r, item->string);
		if (topology_node(topo_of(r), item->string) >= 0)
			return jsonread_fail(r, "given twice");
		ret = read_node(r, item, &topo_of(r)->nodes[topo_of(r)->n_nodes]);
		if (ret < 0)
			return ret;
		topo_of(r)->n_nodes++;
		jsonread_leave(r);
	}
	jsonread_leave(r);
	return 0;
}

static int read_route(struct jsonread *r, const cJSON *item, void *target, unsigned index)
{
	static const char *const allowed[] = {"to", "via", "interface", NULL};
	struct topo_node *node = target;
	struct topo_route *route = &node->routes[index];
	const char *to = NULL;
	const char *via = NULL;
	const char *interface = NULL;
	int ret = jsonread_object(r, item, allowed);

	if (ret == 0)
		ret = jsonread_text(r, item, "to", &to);
	if (ret == 0)
		ret = jsonread_text(r, item, "via", &via);
	if (ret == 0)
		ret = jsonread_text(r, item, "interface", &interface);
	if (ret < 0)
		return ret;
	if (!to || topology_parse_address(&route->to, to, true))
		return jsonread_fail(r, "'to' must be a network, such as 10.0.0.0/8 or 0.0.0.0/0");
	if (!via && !interface)
		return jsonread_fail(r, "'via' or 'interface' is needed");
	if (via && (topology_parse_address(&route->via, via, false) ||
		    route->via.family != route->to.family))
		return jsonread_fail(r, "'via' must be an address of the same family");
	route->has_via = via;
	if (interface &&
	    !topology_interface(topo_of(r), (unsigned)(node - topo_of(r)->nodes), interface))
		return jsonread_fail(r, "node '%s' has no interface '%s'", node->name, interface);
	snprintf(route->interface, sizeof(route->interface), "%s", interface ? interface : "");
	node->n_routes = index + 1;
	return 0;
}

/* Routes name interfaces, so they are read when all of these are known. */
static int read_routes(struct jsonread *r, const cJSON *root)
{
	const cJSON *item;
	unsigned i = 0;

	jsonread_enter_key(r, "nodes");
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "nodes")) {
		int ret;

		jsonread_enter_key(r, item->string);
		ret = jsonread_array(r, item, "routes", TOPO_MAX_ROUTES, read_route,
				     &topo_of(r)->nodes[i++]);
		if (ret < 0)
			return ret;
		jsonread_leave(r);
	}
	jsonread_leave(r);
	return 0;
}

static unsigned count_tuns(const struct topology *topo)
{
	unsigned n = 0;

	for (unsigned i = 0; i < topo->n_links; i++)
		n += topo->links[i].kind == TOPO_TUN;
	return n;
}

static int read_root(struct jsonread *r, const cJSON *root)
{
	static const char *const allowed[] = {"name",  "description", "nodes",
					      "links", "bridges",     NULL};
	const char *name = "lab";
	const char *description = "";
	int ret = jsonread_object(r, root, allowed);

	if (ret == 0)
		ret = jsonread_text(r, root, "name", &name);
	if (ret == 0 && !is_node_name(name)) {
		jsonread_enter_key(r, "name");
		ret = jsonread_fail(r, "has 1 to %d letters, digits, - and _", TOPO_NAME_SIZE - 1);
	}
	if (ret == 0)
		ret = jsonread_text(r, root, "description", &description);
	for (const char *p = description; !ret && *p; p++)
		if (iscntrl((unsigned char)*p)) {
			jsonread_enter_key(r, "description");
			ret = jsonread_fail(r, "must be one line of text");
		}
	if (ret < 0)
		return ret;
	snprintf(topo_of(r)->name, sizeof(topo_of(r)->name), "%s", name);
	snprintf(topo_of(r)->description, sizeof(topo_of(r)->description), "%s", description);
	ret = read_nodes(r, root);
	if (ret == 0)
		ret = jsonread_array(r, root, "links", TOPO_MAX_LINKS, read_link, topo_of(r));
	if (ret == 0 && count_tuns(topo_of(r)) > TOPO_MAX_TUNS)
		ret = jsonread_fail(r, "more than %d links of kind tun", TOPO_MAX_TUNS);
	if (ret == 0)
		ret = jsonread_array(r, root, "bridges", TOPO_MAX_BRIDGES, read_bridge, topo_of(r));
	return ret < 0 ? ret : read_routes(r, root);
}

int topology_parse(struct topology *topo, const char *text, const char *file,
		   struct json_error *error)
{
	struct reader r = {.json = {.text = text, .file = file, .error = error}, .topo = topo};
	const char *end = NULL;
	cJSON *root;
	int ret;

	memset(topo, 0, sizeof(*topo));
	*error = (struct json_error){0};
	root = cJSON_ParseWithOpts(text, &end, 1);
	if (!root)
		return jsonread_syntax(&r.json, end ? (size_t)(end - text) : 0);
	ret = read_root(&r.json, root);
	cJSON_Delete(root);
	return ret;
}
