/* SPDX-License-Identifier: MIT */
/*
 * hash.h - a 64-bit mixing hash over bytes
 *
 * The same on every machine and in every run: rule ids and snapshot hashes are
 * compared between processes and shown to operators, so there is no random key and
 * words are read in little-endian order whatever the machine.  It finds accidents
 * and corruption; it does not resist someone who looks for collisions on purpose.
 *
 * Eight bytes are taken at a time because a worker hashes its whole live table once
 * a second between two batches: byte-wise FNV-1a took about four times as long.
 * Each step is one-to-one in the word and in the state, so inputs that differ in one
 * word never meet within that step; hash_final() spreads every bit over the result,
 * without which sums of hashes would cancel.
 */
#ifndef CORE_BASE_HASH_H
#define CORE_BASE_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_SEED 0x9e3779b97f4a7c15ull

static inline uint64_t hash_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0xff51afd7ed558ccdull;
	return h ^ (h >> 32);
}

/**
 * hash_bytes() - add bytes to a running hash
 * @h:    HASH_SEED, or what an earlier call returned
 * @data: any alignment
 * @len:  bytes; it is hashed too, so that "ab","c" differs from "a","bc"
 *
 * Return: the running hash; hash_final() makes the result of it.
 */
static inline uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t word;
	size_t left;

	for (left = len; left >= sizeof(word); left -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = hash_word(h, le64toh(word));
	}
	word = 0;
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return hash_word(hash_word(h, word), len);
}

/* The finalizer of MurmurHash3 (public domain): every bit of @h reaches every bit. */
static inline uint64_t hash_final(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

#endif
