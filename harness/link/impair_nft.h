/* SPDX-License-Identifier: MIT */
/*
 * impair_nft.h - messages to nftables over netlink: batches of requests, rules as lists of
 * expressions
 *
 * Only what impairments need.  A batch is one transaction: all of it holds, or nothing of it.
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

/** impair_nft_begin() - start a batch.  Return: 0 or -ENOMEM; otherwise _commit() is due. */
int impair_nft_begin(struct impair_nft *nft, struct mnl_socket *nl);

/** impair_nft_commit() - send it and hear what became of it.  Return: 0 or negative errno. */
int impair_nft_commit(struct impair_nft *nft);

/* Requests; a table or chain that exists already is fine. */
void impair_nft_add_table(struct impair_nft *nft, const char *table);
void impair_nft_delete_table(struct impair_nft *nft, const char *table);
void impair_nft_add_chain(struct impair_nft *nft, const char *table, const char *chain);
/* A chain that every frame enters that arrives at @device. */
void impair_nft_add_ingress(struct impair_nft *nft, const char *table, const char *chain,
			    const char *device);
void impair_nft_flush_chain(struct impair_nft *nft, const char *table, const char *chain);

/* A rule: start it, add its expressions in order, end it. */
void impair_nft_rule(struct impair_nft *nft, const char *table, const char *chain);
void impair_nft_rule_end(struct impair_nft *nft);
void impair_nft_match_udp(struct impair_nft *nft);
void impair_nft_match_chance(struct impair_nft *nft, uint32_t millionths);
void impair_nft_match_nth(struct impair_nft *nft, uint32_t n);
void impair_nft_count(struct impair_nft *nft);
void impair_nft_drop(struct impair_nft *nft);
void impair_nft_jump(struct impair_nft *nft, const char *chain);
void impair_nft_duplicate_to(struct impair_nft *nft, int ifindex);
void impair_nft_forward_to(struct impair_nft *nft, int ifindex);

/**
 * impair_nft_packets() - the packets counted by a chain's rule, 0 when it has no rule.
 *
 * Return: 0 or negative errno.
 */
int impair_nft_packets(struct mnl_socket *nl, const char *table, const char *chain,
		       uint64_t *packets);

#endif
