/* SPDX-License-Identifier: MIT */
/*
 * impair_nft.h - messages to nftables over netlink: batches of requests, rules as lists of
 * expressions
 *
 * It has the requests that impairments need.  A batch is one transaction.
 */
#ifndef HARNESS_LINK_IMPAIR_NFT_H
#define HARNESS_LINK_IMPAIR_NFT_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#define IMPAIR_NFT_BYTES 16384

struct impair_nft {
	struct mnl_socket *nl; /* borrowed */
	_Alignas(8) char bytes[IMPAIR_NFT_BYTES];
	struct mnl_nlmsg_batch *batch;
	uint32_t seq;
	struct nlmsghdr *rule;      /* being written, or NULL */
	struct nlattr *expressions; /* of it */
};

/**
 * impair_nft_begin() - start a batch
 * @nft: filled; impair_nft_commit() is due after success
 * @nl:  from impair_open()
 *
 * Return: 0 or -ENOMEM.
 */
int impair_nft_begin(struct impair_nft *nft, struct mnl_socket *nl);

/**
 * impair_nft_commit() - send the batch, and wait for the kernel's answer
 * @nft: ended
 *
 * Return: 0, or the negative errno of the first request that the kernel refused.
 */
int impair_nft_commit(struct impair_nft *nft);

/**
 * impair_nft_add_table() - add a table, unless it exists
 * @nft:   a batch
 * @table: its name
 */
void impair_nft_add_table(struct impair_nft *nft, const char *table);

/**
 * impair_nft_delete_table() - delete a table with its chains
 * @nft:   a batch
 * @table: its name
 */
void impair_nft_delete_table(struct impair_nft *nft, const char *table);

/**
 * impair_nft_add_chain() - add a chain for jumps, unless it exists
 * @nft:   a batch
 * @table: where
 * @chain: its name
 */
void impair_nft_add_chain(struct impair_nft *nft, const char *table, const char *chain);

/**
 * impair_nft_add_ingress() - add a chain for the frames that a device receives
 * @nft:    a batch
 * @table:  where
 * @chain:  its name
 * @device: name of the interface
 */
void impair_nft_add_ingress(struct impair_nft *nft, const char *table, const char *chain,
			    const char *device);

/**
 * impair_nft_flush_chain() - delete the rules of a chain
 * @nft:   a batch
 * @table: where
 * @chain: its name
 */
void impair_nft_flush_chain(struct impair_nft *nft, const char *table, const char *chain);

/**
 * impair_nft_rule() - start a rule; its expressions follow in order
 * @nft:   a batch; impair_nft_rule_end() is due
 * @table: where
 * @chain: where
 */
void impair_nft_rule(struct impair_nft *nft, const char *table, const char *chain);

/**
 * impair_nft_rule_end() - end a rule
 * @nft: a rule
 */
void impair_nft_rule_end(struct impair_nft *nft);

/**
 * impair_nft_match_udp() - go on only for UDP over IPv4
 * @nft: a rule
 */
void impair_nft_match_udp(struct impair_nft *nft);

/**
 * impair_nft_match_chance() - go on with a probability
 * @nft:        a rule
 * @millionths: 1 to 1000000
 */
void impair_nft_match_chance(struct impair_nft *nft, uint32_t millionths);

/**
 * impair_nft_match_nth() - go on for every Nth packet
 * @nft: a rule
 * @n:   1 or more
 */
void impair_nft_match_nth(struct impair_nft *nft, uint32_t n);

/**
 * impair_nft_count() - count the packets that come so far
 * @nft: a rule
 */
void impair_nft_count(struct impair_nft *nft);

/**
 * impair_nft_drop() - drop the packet
 * @nft: a rule
 */
void impair_nft_drop(struct impair_nft *nft);

/**
 * impair_nft_jump() - go through another chain, and come back
 * @nft:   a rule
 * @chain: of the same table
 */
void impair_nft_jump(struct impair_nft *nft, const char *chain);

/**
 * impair_nft_duplicate_to() - send a copy by a device
 * @nft:     a rule
 * @ifindex: of the device
 */
void impair_nft_duplicate_to(struct impair_nft *nft, int ifindex);

/**
 * impair_nft_forward_to() - send the packet by a device
 * @nft:     a rule
 * @ifindex: of the device
 */
void impair_nft_forward_to(struct impair_nft *nft, int ifindex);

/**
 * impair_nft_packets() - read the count of a chain's rule
 * @nl:      from impair_open()
 * @table:   where
 * @chain:   where
 * @packets: filled on success; 0 when the chain has no rule
 *
 * Return: 0 or negative errno.
 */
int impair_nft_packets(struct mnl_socket *nl, const char *table, const char *chain,
		       uint64_t *packets);

#endif
