// SPDX-License-Identifier: MIT
/*
 * Is a sender told when the receiving end of a veth has no room?
 *
 *   ring0 ---- ring1 (GRO: packets wait in a ring of 256 for a kernel thread)
 */
#include "loss.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define BURST 600

static atomic_bool release_cpus;
static atomic_int cpus_held;

static void *hold_cpu(void *arg)
{
	struct sched_param fifo = {.sched_priority = 10};
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET((int)(intptr_t)arg, &cpu);
	poc_must(sched_setaffinity(0, sizeof(cpu), &cpu), "affinity");
	poc_must(sched_setscheduler(0, SCHED_FIFO, &fifo), "SCHED_FIFO");
	atomic_fetch_add(&cpus_held, 1);
	while (!atomic_load(&release_cpus))
		;
	return NULL;
}

/* BURST datagrams while no other thread of this machine can run. */
static struct outcome undisturbed(int fd)
{
	struct sched_param fifo = {.sched_priority = 10}, normal = {0};
	int others = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	pthread_t thread[256];
	struct outcome o;

	atomic_store(&release_cpus, false);
	atomic_store(&cpus_held, 0);
	for (int i = 0; i < others; i++)
		pthread_create(&thread[i], NULL, hold_cpu, (void *)(intptr_t)(i + 1));
	while (atomic_load(&cpus_held) < others)
		;
	poc_must(sched_setscheduler(0, SCHED_FIFO, &fifo), "SCHED_FIFO");
	o = burst(fd, BURST, 100, 1);
	atomic_store(&release_cpus, true);
	poc_must(sched_setscheduler(0, SCHED_OTHER, &normal), "SCHED_OTHER");
	for (int i = 0; i < others; i++)
		pthread_join(thread[i], NULL);
	return o;
}

/*
 * ring1 takes its packets from a ring of 256 in a kernel thread, which this
 * program keeps off every CPU (for about a millisecond).  In about every second
 * round the ring is emptied all the same and nothing is lost; such a round asks
 * no question and is repeated.
 */
static void ring_case(const char *name, bool recverr)
{
	int probe = poc_packet_socket("ring1", ETH_P_IP, 4 << 20);
	int fd = poc_egress_socket("ring0");
	struct outcome o = {0};
	int got = 0, drops = 0;

	set_recverr(fd, recverr);
	for (int i = 0; i < 20 && drops == 0; i++) {
		drops = -(int)device_drops("ring0");
		o = undisturbed(fd);
		drops += (int)device_drops("ring0");
		got = arrived_payloads(probe, BURST - drops);
	}
	poc_check(drops > 0 && got + drops == BURST && o.refused == (recverr ? drops : 0),
		  "%s: %d sent, %d arrived, %d ENOBUFS", name, BURST, got, o.refused);
	close(probe);
	close(fd);
}

int main(int argc, char **argv)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	poc_must(sched_setaffinity(0, sizeof(cpu), &cpu), "affinity");
	ring_case("veth, receiver's ring full, IP_RECVERR", true);
	ring_case("veth, receiver's ring full, plain", false);
	return poc_status();
}
