// SPDX-License-Identifier: MIT
/*
 * test_handover.c - what outlives an exec comes back as it was
 *
 * The descriptors are real, the exec is not: what handover_save() wrote is read by
 * handover_restore() in the same process.
 *
 * Links: daemon/supervisor/handover_child.c daemon/supervisor/handover_socket.c
 * Links: daemon/supervisor/igmp_list.c
 * Links: daemon/supervisor/handover.c daemon/supervisor/handover_field.c
 * Links: daemon/supervisor/membership.c
 * Links: daemon/common/version.c core/base/ipc.c core/base/addr.c
 * Links: daemon/supervisor/descriptor_reserve.c
 * Links: core/base/clock.c
 * Links: daemon/common/memfd.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "daemon/supervisor/handover.h"
#include "daemon/supervisor/membership.h"
#include "tests/unit/supervisor/handover_fixture.h"

static void test_saved_and_restored(void **state)
{
	struct supervisor *s = supervisor_fresh();
	struct ipc_join join;
	int fd = handover_save(sup);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fcntl(sup->output[6].sock[1], F_GETFD), 0); /* goes over an exec */
	assert_int_equal(handover_restore(s, fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken */
	assert_int_equal(fcntl(sup->output[6].sock[1], F_GETFD), FD_CLOEXEC);

	assert_int_equal(s->workers, WORKERS);
	assert_int_equal(s->worker_flags, IPC_FLAG_PER_PACKET);
	assert_int_equal(s->filters_rev, 1);
	assert_int_equal(s->ring_size, RING_QUARTER);
	assert_int_equal(s->phase, PHASE_RUN);
	assert_int_equal(s->started_ns, sup->started_ns);
	assert_int_equal(s->next_incarnation, 9);
	assert_int_equal(s->snapshot_serial, 3);
	assert_memory_equal(&s->snapshot, &sup->snapshot, sizeof(s->snapshot));
	assert_int_equal(s->snapshot_fd, sup->snapshot_fd);
	assert_int_equal(s->whole_serial, 2);
	assert_memory_equal(&s->changes, &sup->changes, sizeof(s->changes));
	assert_int_equal(s->changes_fd, sup->changes_fd);
	assert_int_equal(s->control_listener, sup->control_listener);
	assert_int_equal(s->status_listener, sup->status_listener);
	assert_int_equal(s->applied, sup->applied);
	assert_int_equal(s->limits_fd, sup->limits_fd);
	assert_int_equal(s->notify, -1);
	for (unsigned i = 0; i < CHILDREN; i++)
		assert_memory_equal(&s->child[i], &sup->child[i], sizeof(s->child[i]));
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_non_null(s->worker[i].page);
		s->worker[i].page = sup->worker[i].page;
		assert_memory_equal(&s->worker[i], &sup->worker[i], sizeof(s->worker[i]));
	}
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		assert_memory_equal(&s->input[i], &sup->input[i], sizeof(s->input[i]));
		assert_memory_equal(&s->output[i], &sup->output[i], sizeof(s->output[i]));
	}
	assert_int_equal(s->egress_sockets_open, 2);
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		assert_int_equal(s->egress_socket[i].incarnation, i == 77 ? 9 : 0);
	assert_memory_equal(&s->egress_socket[77].as, &sup->egress_socket[77].as,
			    sizeof(s->egress_socket[77].as));
	assert_int_equal(s->egress_socket[77].from_be, sup->egress_socket[77].from_be);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(s->egress_socket[77].sock[i], sup->egress_socket[77].sock[i]);
	free(s->egress_socket[77].sock);
	join = join_of(0xef000001, 0, 0);
	assert_int_equal(membership_remove(&s->memberships, &join, false), 0);
	join = join_of(0xef000002, 0, 0);
	assert_int_equal(membership_remove(&s->memberships, &join, false), 0);
	join = join_of(0xef000002, 0x0a000001, 0);
	assert_int_equal(membership_remove(&s->memberships, &join, false), 0);
	assert_null(s->memberships.helpers);
	join = join_of(0x0a000009, 0, 5000);
	assert_int_equal(membership_remove(&s->memberships, &join, true), 0);
	assert_int_equal(membership_remove(&s->memberships, &join, true), -ENOENT);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_saved_and_restored, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
