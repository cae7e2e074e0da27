// SPDX-License-Identifier: MIT
/* complaint.c - fill a complaint */
#include "core/base/complaint.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void complain(struct complaint *c, const char *field, const char *fmt, ...)
{
	va_list args;

	if (!c || c->reason[0] != '\0')
		return;
	snprintf(c->field, sizeof(c->field), "%s", field);
	va_start(args, fmt);
	vsnprintf(c->reason, sizeof(c->reason), fmt, args);
	va_end(args);
}
