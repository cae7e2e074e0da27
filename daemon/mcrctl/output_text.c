// SPDX-License-Identifier: MIT
/* output_text.c - A:P:IF with settings behind it, both ways */
#include "daemon/mcrctl/output_text.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/place.h"
#include "daemon/mcrctl/result.h"

static bool add_output_setting(cJSON *o, const struct place *at, const char *setting)
{
	if (strcmp(setting, "ttl=decrement") == 0)
		return cJSON_AddStringToObject(o, "ttl", "decrement") != NULL;
	if (strncmp(setting, "ttl=", 4) == 0)
		return place_add_number(o, "ttl", at, setting + 4, 1, 255);
	if (strncmp(setting, "dscp=", 5) == 0)
		return place_add_number(o, "dscp", at, setting + 5, 0, 63);
	if (strncmp(setting, "source=", 7) == 0)
		return place_add_address(o, "source_ip", at, setting + 7);
	if (strncmp(setting, "sport=", 6) == 0)
		return place_add_number(o, "source_port", at, setting + 6, 1, 65535);
	return place_refuse(at, "setting", setting,
			    "one of ttl=N, ttl=decrement, source=A, sport=P, dscp=N");
}

/* A:P:IF[:ttl=N][:source=A][:sport=P][:dscp=N]; no interface name holds a colon.  Cuts up @copy. */
static bool fill_output(cJSON *o, const struct place *at, char *copy)
{
	const char *group = strsep(&copy, ":"), *port = strsep(&copy, ":"),
		   *interface = strsep(&copy, ":"), *setting;

	if (!interface) {
		ctl_usage_error(at->ctl, at->option, "\"%s\" is not ADDRESS:PORT:INTERFACE",
				at->output);
		return false;
	}
	if (!place_add_address(o, "group", at, group) ||
	    !place_add_number(o, "port", at, port, 1, 65535) ||
	    !place_add_interface(o, at, interface))
		return false;
	while ((setting = strsep(&copy, ":")))
		if (!add_output_setting(o, at, setting))
			return false;
	return true;
}

bool output_from_text(cJSON *o, const struct ctl *ctl, const char *option, const char *text)
{
	const struct place at = {.ctl = ctl, .option = option, .output = text};
	char *copy = strdup(text);
	bool ok = copy && fill_output(o, &at, copy);

	free(copy);
	return ok;
}

/* Appends to @buf; what does not fit is cut. */
static void append(char buf[static OUTPUT_TEXT_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void append(char buf[static OUTPUT_TEXT_MAX], const char *fmt, ...)
{
	const size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, OUTPUT_TEXT_MAX - used, fmt, ap);
	va_end(ap);
}

const char *output_to_text(const cJSON *o, char buf[static OUTPUT_TEXT_MAX])
{
	snprintf(buf, OUTPUT_TEXT_MAX, "%s:%.0f:%s", ctl_text(o, "group"), ctl_number(o, "port"),
		 ctl_text(o, "interface"));
	if (ctl_text(o, "ttl")[0])
		append(buf, ":ttl=%s", ctl_text(o, "ttl"));
	else if (ctl_number(o, "ttl") > 0 && !cJSON_IsTrue(ctl_member(o, "ttl_default")))
		append(buf, ":ttl=%.0f", ctl_number(o, "ttl"));
	if (ctl_text(o, "source_ip")[0])
		append(buf, ":source=%s", ctl_text(o, "source_ip"));
	if (ctl_number(o, "source_port") > 0)
		append(buf, ":sport=%.0f", ctl_number(o, "source_port"));
	if (ctl_number(o, "dscp") > 0)
		append(buf, ":dscp=%.0f", ctl_number(o, "dscp"));
	return buf;
}
