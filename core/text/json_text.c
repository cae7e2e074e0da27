// SPDX-License-Identifier: MIT
/* json_text.c - trees from cJSON, and places by a second walk over the text */
#include "core/text/json_text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"

const char *json_word(const char *word, char buf[static JSON_WORD_MAX])
{
	size_t n = 0;

	for (; word[n] && n < JSON_WORD_MAX - 1; n++)
		buf[n] = word[n] >= 0x20 && word[n] < 0x7f ? word[n] : '?';
	if (word[n])
		memcpy(buf + JSON_WORD_MAX - 4, "...", 3);
	buf[n] = '\0';
	return buf;
}

void json_prefix_field(struct complaint *c, const char *path)
{
	char field[COMPLAINT_FIELD_MAX];
	const char *dot;

	if (!c || !path[0])
		return;
	memcpy(field, c->field, sizeof(field));
	field[sizeof(field) - 1] = '\0';
	dot = field[0] && field[0] != '[' ? "." : "";
	/* A path that is too long loses its end, the least useful part. */
	if (snprintf(c->field, sizeof(c->field), "%s%s%s", path, dot, field) >=
	    (int)sizeof(c->field))
		memcpy(c->field + sizeof(c->field) - 4, "...", 4);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Sorted, because a hostile object may have half a million fields. */
static int check_names(const cJSON *object, struct complaint *c)
{
	char word[JSON_WORD_MAX];
	const cJSON *item;
	const cJSON **sorted;
	size_t n = 0;
	int ret = 0;

	if (!object->child || !object->child->next)
		return 0;
	cJSON_ArrayForEach(item, object)
		n++;
	sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	n = 0;
	cJSON_ArrayForEach(item, object)
		sorted[n++] = item;
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(sorted[i - 1]->string, sorted[i]->string) == 0) {
			complain(c, json_word(sorted[i]->string, word), "stands here twice");
			ret = -EINVAL;
			break;
		}
	}
	free(sorted);
	return ret;
}

/* Depth is bounded by the scanner, which has accepted the text. */
static int check_tree(const cJSON *json, struct complaint *c)
{
	char part[JSON_WORD_MAX];
	const cJSON *item;
	unsigned i = 0;
	int ret = 0;

	if (cJSON_IsObject(json))
		ret = check_names(json, c);
	if (ret < 0)
		return ret;
	cJSON_ArrayForEach(item, json) {
		ret = check_tree(item, c);
		if (ret < 0) {
			if (item->string)
				json_word(item->string, part);
			else
				snprintf(part, sizeof(part), "[%u]", i);
			json_prefix_field(c, part);
			return ret;
		}
		i++;
	}
	return 0;
}

int json_text_parse(const char *text, size_t len, enum json_dialect dialect, struct cJSON **out,
		    struct complaint *c)
{
	struct json_scan scan = {.text = text, .len = len, .dialect = dialect, .c = c};
	cJSON *json = NULL;
	int ret;

	scan.blank = malloc(len + 1);
	if (!scan.blank)
		return -ENOMEM;
	memcpy(scan.blank, text, len);
	scan.blank[len] = '\0';

	ret = json_scan_text(&scan);
	if (ret < 0)
		goto out;
	/* cJSON refuses accepted text only for want of memory. */
	json = cJSON_ParseWithLengthOpts(scan.blank, len + 1, NULL, true);
	if (!json) {
		ret = -ENOMEM;
		goto out;
	}
	ret = check_tree(json, c);
	if (ret < 0) {
		json_text_locate(text, len, c);
		goto out;
	}
	*out = json;
	json = NULL;
out:
	if (ret == -ENOMEM)
		complain(c, "", "out of memory");
	cJSON_Delete(json);
	free(scan.blank);
	return ret;
}

/* Return: how many bytes of @path the name with its quotes at [start, end) covers; 0: no match. */
static size_t match_name(const char *text, size_t start, size_t end, const char *path)
{
	char raw[JSON_WORD_MAX + 1], word[JSON_WORD_MAX];
	size_t n = end - start - 2;

	if (n > JSON_WORD_MAX)
		n = JSON_WORD_MAX;
	memcpy(raw, text + start + 1, n);
	raw[n] = '\0';
	json_word(raw, word);
	n = strlen(word);
	if (!n || strncmp(path, word, n) != 0 || (path[n] && path[n] != '.' && path[n] != '['))
		return 0;
	return n;
}

/*
 * @s stands on the '{' of an object.  Finds the member that @path begins with and
 * moves to its value.  Names may hold dots ("eth0.100"), so the longest match wins.
 */
static bool find_member(struct json_scan *s, const char **path, struct json_place *at)
{
	size_t longest = 0, n, name;
	struct json_place best = {0};

	s->pos++;
	for (;;) {
		json_scan_space(s);
		if (s->text[s->pos] == '}')
			break;
		name = s->pos;
		json_scan_string(s);
		n = match_name(s->text, name, s->pos, *path);
		json_scan_space(s);
		s->pos++; /* the colon */
		json_scan_space(s);
		if (n && n >= longest) {
			longest = n;
			best.field = name;
			best.value = s->pos;
		}
		json_scan_value(s);
		if (n && best.field == name)
			best.end = s->pos;
		json_scan_space(s);
		if (s->text[s->pos] == ',')
			s->pos++;
	}
	if (!longest)
		return false;
	*at = best;
	*path += longest;
	return true;
}

/* The same for "[N]" and the '[' of an array. */
static bool find_element(struct json_scan *s, const char **path, struct json_place *at)
{
	unsigned index;
	int n = 0;

	if (sscanf(*path, "[%9u]%n", &index, &n) != 1 || !n)
		return false;
	s->pos++;
	for (;; index--) {
		json_scan_space(s);
		if (s->text[s->pos] == ']')
			return false;
		at->field = at->value = s->pos;
		json_scan_value(s);
		at->end = s->pos;
		if (!index)
			break;
		json_scan_space(s);
		if (s->text[s->pos] == ',')
			s->pos++;
	}
	*path += n;
	return true;
}

bool json_text_find(const char *text, size_t len, const char *path, struct json_place *out)
{
	struct json_scan s = {.text = text, .len = len, .dialect = JSON_RELAXED};
	struct json_place next;
	bool found = true;

	json_scan_space(&s);
	out->field = out->value = s.pos;
	json_scan_value(&s);
	out->end = s.pos;
	while (*path && found) {
		s.values = 0; /* the text was accepted, and parts of it are walked again */
		if (*path == '.')
			path++;
		s.pos = out->value;
		next = *out;
		if (s.pos < len && s.text[s.pos] == '{')
			found = find_member(&s, &path, &next);
		else if (s.pos < len && s.text[s.pos] == '[')
			found = find_element(&s, &path, &next);
		else
			found = false;
		if (found)
			*out = next;
	}
	return found;
}

void json_text_locate(const char *text, size_t len, struct complaint *c)
{
	struct json_place place;

	if (!c || c->line)
		return;
	json_text_find(text, len, c->field, &place);
	json_position(text, place.field, &c->line, &c->column);
}
