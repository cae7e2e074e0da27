// SPDX-License-Identifier: MIT
/*
 * test_upgrade_outcome.c - how an upgrade ended, as the log and the answer say it
 *
 * Links: daemon/common/upgrade_outcome.c daemon/common/ending.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/common/upgrade_outcome.h"

static void sentences(void **state)
{
	static const struct {
		struct ipc_upgraded how;
		const char *text;
	} rows[] = {
		{{UPGRADE_DONE, 2}, "done: 2 workers rolled"},
		{{UPGRADE_RUNNING}, "another upgrade is under way"},
		{{UPGRADE_NO_FILE, 0, -ENOENT}, "/x cannot be used: No such file or directory"},
		{{UPGRADE_BROKEN, 0, 3 << 8}, "/x does not start: its check exited with status 3"},
		{{UPGRADE_TIMEOUT}, "/x does not start: its check did not end within 2 s"},
		{{UPGRADE_VERSIONS, 0, 0, "state9"},
		 "/x speaks other versions (state9): restart mcrd"},
		{{UPGRADE_STATE, 0, -ENOMEM},
		 "the state cannot be handed over: Cannot allocate memory"},
		{{UPGRADE_WORKER, 1, 5},
		 "worker 5 of the new binary does not start; 1 workers were rolled, the others go "
		 "on as they are"},
	};
	char text[UPGRADE_OUTCOME_MAX];

	static_assert(sizeof(rows) / sizeof(rows[0]) == UPGRADE_OUTCOMES, "a row each");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(upgrade_outcome_text(&rows[i].how, "/x", text, sizeof(text)),
				    rows[i].text);
}

static void cut_off(void **state)
{
	const struct ipc_upgraded how = {.outcome = UPGRADE_RUNNING};
	char text[8];

	assert_string_equal(upgrade_outcome_text(&how, "/x", text, sizeof(text)), "another");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences),
		cmocka_unit_test(cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
