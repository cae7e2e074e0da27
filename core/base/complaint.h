/* SPDX-License-Identifier: MIT */
/*
 * complaint.h - why an input was refused, in words for its sender
 *
 * Every parser of operator input fills one of these instead of logging: control
 * turns it into a JSON-RPC error, mcrctl and `mcrd --config` into a line.
 */
#ifndef CORE_BASE_COMPLAINT_H
#define CORE_BASE_COMPLAINT_H

#define COMPLAINT_FIELD_MAX  128
#define COMPLAINT_REASON_MAX 256

/**
 * struct complaint - one refusal
 * @field:  path of the field, as "rules[3].outputs[0].port"; "" when it is about the whole
 * @reason: what is wrong and what would be right, without a full stop
 * @line:   1-based line in the text, 0 when not known
 * @column: 1-based column in bytes, 0 when not known
 */
struct complaint {
	char field[COMPLAINT_FIELD_MAX];
	char reason[COMPLAINT_REASON_MAX];
	unsigned line;
	unsigned column;
};

/**
 * complain() - fill a complaint, unless it is already filled
 * @c:     taken; may be NULL when the caller wants no words
 * @field: path of the field, "" for none
 * @fmt:   printf format of the reason
 *
 * The first reason wins: an outer parser must not overwrite what an inner one
 * found.
 */
void complain(struct complaint *c, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
