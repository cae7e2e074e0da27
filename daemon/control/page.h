/* SPDX-License-Identifier: MIT */
/*
 * page.h - lists of rules in answers, whole or in pages
 *
 * The text of a list is made rule by rule and ends at a bound, so an answer takes bounded
 * memory and time however many rules there are.  A cursor holds the revision of the rule
 * set and the number of rules before it.  A cursor of another revision is refused, because
 * its pages would be of two different lists.
 */
#ifndef DAEMON_CONTROL_PAGE_H
#define DAEMON_CONTROL_PAGE_H

#include <stddef.h>

struct cJSON;
struct complaint;
struct control;
struct request_page;
struct ruleset_entry;

#define PAGE_BYTES (256u << 10) /* a page ends with the rule that makes it this long */

/* An entry of the list, NULL: out of memory. */
typedef struct cJSON *control_show_fn(const struct control *c, const struct ruleset_entry *e);

/**
 * control_page_check() - check whether this page can be made
 * @cpl: filled when not
 *
 * Return: 0; RPC_CONFLICT when the rules have changed since the cursor was made;
 * RPC_INVALID_PARAMS when it points beyond the list; RPC_NOT_FOUND when there is no such rule.
 */
int control_page_check(const struct control *c, const struct request_page *page,
		       struct complaint *cpl);

/**
 * control_page_add() - add "rules" to an answer, and "next" when rules are left
 * @show: makes an entry
 * @json: the answer
 * @cpl:  filled on failure
 *
 * Return: 0; as control_page_check(); RPC_LIMIT when pages were not asked for and the list
 * is too long for one answer, or too much waits for other clients; RPC_INTERNAL_ERROR.
 */
int control_page_add(const struct control *c, const struct request_page *page,
		     control_show_fn *show, struct cJSON *json, struct complaint *cpl);

#endif
