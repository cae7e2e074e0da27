// SPDX-License-Identifier: MIT
/* result.c - reading and printing what results have in common */
#include "daemon/mcrctl/result.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/mcrctl/args.h"

const cJSON *ctl_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

double ctl_number(const cJSON *object, const char *name)
{
	const cJSON *item = ctl_member(object, name);

	/* The bound keeps printed numbers short. */
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 1e20))
		return 0;
	return item->valuedouble;
}

const char *ctl_text(const cJSON *object, const char *name)
{
	const cJSON *item = ctl_member(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

const char *ctl_nonzero(const cJSON *object, char buf[static CTL_LIST_MAX])
{
	const cJSON *item;
	size_t used = 0;

	cJSON_ArrayForEach(item, object) {
		if (!item->string || !cJSON_IsNumber(item) || item->valuedouble == 0)
			continue;
		used += (size_t)snprintf(buf + used, CTL_LIST_MAX - used, "%s%s %.0f",
					 used ? ", " : "", item->string,
					 ctl_number(object, item->string));
		if (used >= CTL_LIST_MAX)
			return buf;
	}
	if (!used)
		snprintf(buf, CTL_LIST_MAX, "-");
	return buf;
}

void ctl_print_applied(const cJSON *result)
{
	const cJSON *item;

	printf("generation %.0f applied on %.0f of %.0f workers\n",
	       ctl_number(result, "generation"), ctl_number(result, "applied"),
	       ctl_number(result, "workers"));
	cJSON_ArrayForEach(item, ctl_member(result, "pending"))
		printf("pending on worker %.0f: %s\n", ctl_number(item, "worker"),
		       ctl_text(item, "reason"));
	cJSON_ArrayForEach(item, ctl_member(result, "warnings"))
		if (cJSON_IsString(item))
			ctl_say("warning: %s", item->valuestring);
}
