// SPDX-License-Identifier: MIT
/* ending.c - the sentence of each ending, with exit status or signal */
#include "daemon/common/ending.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void describe_status(int status, char *buf)
{
	const char *name;

	if (!WIFSIGNALED(status)) {
		snprintf(buf, ENDING_TEXT_MAX, "exited with status %d", WEXITSTATUS(status));
		return;
	}
	name = sigabbrev_np(WTERMSIG(status)); /* real-time signals have none */
	if (name)
		snprintf(buf, ENDING_TEXT_MAX, "was killed by SIG%s", name);
	else
		snprintf(buf, ENDING_TEXT_MAX, "was killed by signal %d", WTERMSIG(status));
	if (WCOREDUMP(status))
		strcat(buf, ", core dumped");
}

const char *ending_text(enum ipc_ending ending, int status, unsigned ms,
			char buf[static ENDING_TEXT_MAX])
{
	static const char *const words[ENDINGS] = {
		[END_NONE] = "",
		[END_PAGE] = "had an impossible status page",
		[END_MESSAGE] = "sent what it may not",
		[END_FLOOD] = "flooded its channel",
		[END_CHANNEL_FULL] = "did not take its messages",
		[END_DRIFT] = "did not have the rules that it should have",
		[END_UPGRADE] = "made way for a new binary",
	};

	buf[0] = '\0';
	switch (ending) {
	case END_ITSELF:
		describe_status(status, buf);
		break;
	case END_HANG:
		snprintf(buf, ENDING_TEXT_MAX, "had no heartbeat for %u ms", ms);
		break;
	case END_LATE:
		snprintf(buf, ENDING_TEXT_MAX, "was not ready after %u ms", ms);
		break;
	case END_NONE:
	case END_PAGE:
	case END_MESSAGE:
	case END_FLOOD:
	case END_CHANNEL_FULL:
	case END_DRIFT:
	case END_UPGRADE:
		snprintf(buf, ENDING_TEXT_MAX, "%s", words[ending]);
		break;
	case ENDINGS:
		break;
	}
	return buf;
}
