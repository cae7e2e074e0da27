// SPDX-License-Identifier: MIT
/*
 * A multishot receive of a frame larger than the buffer: what it reports.
 *
 *   gen0 ---- in0 [packet socket, io_uring recv multishot, 512-byte buffers]
 */
#include "../poc.h"

#include <liburing.h>

#define BUFFERS      8
#define BUFFER_BYTES 512

static uint8_t pool[BUFFERS][BUFFER_BYTES + 1];

static void arm(struct io_uring *ring, int fd, int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, flags);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	io_uring_submit(ring);
}

static void one_case(const char *name, int flags, size_t payload, int expect)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	int in = poc_packet_socket("in0", ETH_P_IP, 0), out = poc_egress_socket("gen0");
	struct __kernel_timespec second = {.tv_sec = 1};
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS};
	static uint8_t data[2048];
	struct io_uring_cqe *cqe = NULL;
	struct io_uring ring;
	bool overrun, more;
	void *mem;
	int res, id;

	memset(pool, 0xee, sizeof(pool));
	poc_must(io_uring_queue_init(8, &ring, 0), "io_uring");
	poc_must(posix_memalign(&mem, 4096, 4096) ? -1 : 0, "buffer ring");
	memset(mem, 0, 4096);
	reg.ring_addr = (uintptr_t)mem;
	poc_must(io_uring_register_buf_ring(&ring, &reg, 0), "buffer ring");
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(mem, pool[i], BUFFER_BYTES, (unsigned short)i, BUFFERS - 1,
				      i);
	io_uring_buf_ring_advance(mem, BUFFERS);
	arm(&ring, in, flags);
	poc_send(out, data, payload, &to);
	poc_must(io_uring_wait_cqe_timeout(&ring, &cqe, &second), "receive");
	res = cqe->res;
	more = cqe->flags & IORING_CQE_F_MORE;
	id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	overrun = pool[id][BUFFER_BYTES] != 0xee;
	poc_check(res == expect && more && !overrun,
		  "%s: frame of %zu, buffer of %d: cqe->res %d, %s, buffer end %s", name,
		  payload + POC_HDR_LEN, BUFFER_BYTES, res, more ? "stays armed" : "disarmed",
		  overrun ? "OVERRUN" : "respected");
	io_uring_queue_exit(&ring);
	free(mem);
	close(in);
	close(out);
}

int main(int argc, char **argv)
{
	one_case("MSG_TRUNC, frame fits", MSG_TRUNC, 400, 400 + POC_HDR_LEN);
	one_case("MSG_TRUNC, frame larger", MSG_TRUNC, 1000, 1000 + POC_HDR_LEN);
	one_case("without, frame larger", 0, 1000, BUFFER_BYTES);
	one_case("without, frame exactly fits", 0, BUFFER_BYTES - POC_HDR_LEN, BUFFER_BYTES);
	return poc_status();
}
