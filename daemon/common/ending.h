/* SPDX-License-Identifier: MIT */
/*
 * ending.h - why a child process ended, in words
 */
#ifndef DAEMON_COMMON_ENDING_H
#define DAEMON_COMMON_ENDING_H

#include <stddef.h>

#include "core/base/ipc.h"

#define ENDING_TEXT_MAX 96

/**
 * ending_text() - what the last process of a child did, to follow its name
 * @status: as waitpid(2) gives it
 * @ms:     as struct ipc_worker_state says
 * @buf:    filled: "exited with status 3", "was killed by SIGSEGV, core dumped",
 *          "had no heartbeat for 412 ms"; "" for END_NONE
 *
 * Return: @buf.
 */
const char *ending_text(enum ipc_ending ending, int status, unsigned ms,
			char buf[static ENDING_TEXT_MAX]);

#endif
