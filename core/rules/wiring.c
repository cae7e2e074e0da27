// SPDX-License-Identifier: MIT
/* wiring.c - paths and addresses in order, and the look-up in them */
#include "core/rules/wiring.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/rule.h"

static int compare_paths(const void *a, const void *b)
{
	const struct wiring_path *x = a, *y = b;
	int ret = strcmp(x->from, y->from);

	return ret != 0 ? ret : strcmp(x->to, y->to);
}

static int compare_homes(const void *a, const void *b)
{
	const struct wiring_home *x = a, *y = b;
	int ret = strcmp(x->interface, y->interface);

	return ret != 0 ? ret : memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

void wiring_sort(struct wiring *w)
{
	if (w->n_paths > 0)
		qsort(w->paths, w->n_paths, sizeof(*w->paths), compare_paths);
	if (w->n_homes > 0)
		qsort(w->homes, w->n_homes, sizeof(*w->homes), compare_homes);
}

/* The first path from @interface, or where it would stand. */
static size_t first_path(const struct wiring *w, const char *interface)
{
	size_t low = 0, high = w->n_paths;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(w->paths[mid].from, interface) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_home(const struct wiring *w, const struct rule_output *out)
{
	struct wiring_home key;

	if (w->n_homes == 0 || addr_is_multicast(&out->group))
		return false;
	memset(&key, 0, sizeof(key));
	memcpy(key.interface, out->interface, sizeof(key.interface));
	key.addr = out->group;
	return bsearch(&key, w->homes, w->n_homes, sizeof(key), compare_homes) != NULL;
}

const char *wiring_arrival(const struct wiring *w, const struct rule_output *out, size_t n)
{
	size_t at;

	if (!w)
		return n == 0 && strcmp(out->interface, WIRING_LOOPBACK) == 0 ? WIRING_LOOPBACK
									      : NULL;
	if (is_home(w, out))
		return n == 0 && w->loopback[0] != '\0' ? w->loopback : NULL;
	at = first_path(w, out->interface) + n;
	if (at >= w->n_paths || strcmp(w->paths[at].from, out->interface) != 0)
		return NULL;
	return w->paths[at].to;
}
