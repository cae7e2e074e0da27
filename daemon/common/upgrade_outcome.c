// SPDX-License-Identifier: MIT
/* upgrade_outcome.c - a table of sentences */
#include "daemon/common/upgrade_outcome.h"

#include <stdio.h>
#include <string.h>

#include "daemon/common/ending.h"

const char *upgrade_outcome_text(const struct ipc_upgraded *how, const char *binary, char *buf,
				 size_t size)
{
	char ending[ENDING_TEXT_MAX];

	switch ((enum ipc_upgrade_outcome)how->outcome) {
	case UPGRADE_DONE:
		snprintf(buf, size, "done: %u workers rolled", how->rolled);
		break;
	case UPGRADE_NO_FILE:
		snprintf(buf, size, "%s cannot be used: %s", binary, strerror(-how->detail));
		break;
	case UPGRADE_BROKEN:
		snprintf(buf, size, "%s does not start: its check %s", binary,
			 ending_text(END_ITSELF, how->detail, 0, ending));
		break;
	case UPGRADE_TIMEOUT:
		snprintf(buf, size, "%s does not start: its check did not end within %d s", binary,
			 UPGRADE_CHECK_S);
		break;
	case UPGRADE_VERSIONS:
		snprintf(buf, size, "%s speaks other versions (%s): restart mcrd", binary,
			 how->theirs);
		break;
	case UPGRADE_STATE:
		snprintf(buf, size, "the state cannot be handed over: %s", strerror(-how->detail));
		break;
	case UPGRADE_WORKER:
		snprintf(buf, size,
			 "worker %d of the new binary does not start; %u workers were rolled, the "
			 "others go on as they are",
			 how->detail, how->rolled);
		break;
	case UPGRADE_RUNNING:
	case UPGRADE_OUTCOMES:
		snprintf(buf, size, "another upgrade is under way");
		break;
	}
	return buf;
}
