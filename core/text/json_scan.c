// SPDX-License-Identifier: MIT
/* json_scan.c - the grammar of JSON (RFC 8259), by recursive descent of bounded depth */
#include "core/text/json_scan.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/complaint.h"

void json_position(const char *text, size_t offset, unsigned *line, unsigned *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		} else {
			(*column)++;
		}
	}
}

static int refuse(struct json_scan *s, size_t at, const char *reason)
{
	if (s->c && !s->c->reason[0]) {
		complain(s->c, "", "%s", reason);
		json_position(s->text, at, &s->c->line, &s->c->column);
	}
	return -EINVAL;
}

size_t json_utf8_length(const char *p, size_t len)
{
	const uint8_t *b = (const uint8_t *)p;
	size_t n;
	uint32_t code;

	if (b[0] < 0x80)
		return 1;
	if (b[0] >= 0xc2 && b[0] <= 0xdf) {
		n = 2;
		code = b[0] & 0x1f;
	} else if ((b[0] & 0xf0) == 0xe0) {
		n = 3;
		code = b[0] & 0x0f;
	} else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
		n = 4;
		code = b[0] & 0x07;
	} else {
		return 0;
	}
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (b[i] & 0x3f);
	}
	if (n == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
		return 0;
	if (n == 4 && (code < 0x10000 || code > 0x10ffff))
		return 0;
	return n;
}

/* Checks the whole text, comments included. */
static int check_bytes(struct json_scan *s)
{
	size_t n;

	if (s->len >= 3 && !memcmp(s->text, "\xef\xbb\xbf", 3))
		return refuse(s, 0, "starts with a byte order mark, which JSON does not have");
	for (size_t i = 0; i < s->len; i += n) {
		if (!s->text[i])
			return refuse(s, i, "contains a NUL byte");
		n = json_utf8_length(s->text + i, s->len - i);
		if (!n)
			return refuse(s, i, "is not valid UTF-8");
	}
	return 0;
}

static void blank_out(struct json_scan *s, size_t from, size_t to)
{
	if (s->blank)
		memset(s->blank + from, ' ', to - from);
}

/* @pos stands on a '/'. */
static int scan_comment(struct json_scan *s)
{
	size_t start = s->pos;
	const char *end;

	if (s->dialect == JSON_STRICT || s->len - start < 2)
		return refuse(s, start, "unexpected '/'");
	if (s->text[start + 1] == '/') {
		end = memchr(s->text + start, '\n', s->len - start);
		s->pos = end ? (size_t)(end - s->text) : s->len;
	} else if (s->text[start + 1] == '*') {
		end = memmem(s->text + start + 2, s->len - start - 2, "*/", 2);
		if (!end)
			return refuse(s, start, "this comment is not closed");
		s->pos = (size_t)(end - s->text) + 2;
	} else {
		return refuse(s, start, "unexpected '/'");
	}
	blank_out(s, start, s->pos);
	return 0;
}

int json_scan_space(struct json_scan *s)
{
	int ret;

	while (s->pos < s->len) {
		switch (s->text[s->pos]) {
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			s->pos++;
			break;
		case '/':
			ret = scan_comment(s);
			if (ret < 0)
				return ret;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

/* The four digits after "\u" at @at, or -1. */
static int32_t hex4(const struct json_scan *s, size_t at)
{
	int32_t value = 0;

	if (s->len < 4 || at > s->len - 4)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char ch = s->text[i];

		if (ch >= '0' && ch <= '9')
			value = value << 4 | (ch - '0');
		else if ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'f')
			value = value << 4 | ((ch | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* @pos stands on a backslash. */
static int scan_escape(struct json_scan *s)
{
	size_t start = s->pos;
	int32_t code, low;

	if (s->len - start < 2)
		return refuse(s, start, "the text ends inside a string");
	if (s->text[start + 1] != 'u') {
		if (!strchr("\"\\/bfnrt", s->text[start + 1]))
			return refuse(s, start, "unknown escape in a string");
		s->pos += 2;
		return 0;
	}
	code = hex4(s, start + 2);
	if (code < 0)
		return refuse(s, start, "\\u needs four hexadecimal digits");
	if (!code)
		return refuse(s, start, "contains a NUL character");
	s->pos += 6;
	if (code < 0xd800 || code > 0xdfff)
		return 0;
	low = -1;
	if (code <= 0xdbff && s->len - s->pos >= 6 && !memcmp(s->text + s->pos, "\\u", 2))
		low = hex4(s, s->pos + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(s, start, "half of a surrogate pair in a string");
	s->pos += 6;
	return 0;
}

int json_scan_string(struct json_scan *s)
{
	size_t start = s->pos++;
	int ret;

	while (s->pos < s->len) {
		char ch = s->text[s->pos];

		if (ch == '"') {
			s->pos++;
			return 0;
		}
		if ((unsigned char)ch < 0x20)
			return refuse(s, s->pos,
				      "control character in a string (is its quote missing?)");
		if (ch == '\\') {
			ret = scan_escape(s);
			if (ret < 0)
				return ret;
		} else {
			s->pos++;
		}
	}
	return refuse(s, start, "this string is not closed");
}

static size_t scan_digits(struct json_scan *s)
{
	size_t start = s->pos;

	while (s->pos < s->len && s->text[s->pos] >= '0' && s->text[s->pos] <= '9')
		s->pos++;
	return s->pos - start;
}

static bool next_is(const struct json_scan *s, const char *any)
{
	return s->pos < s->len && strchr(any, s->text[s->pos]);
}

static int scan_number(struct json_scan *s)
{
	size_t start = s->pos;

	if (next_is(s, "-"))
		s->pos++;
	if (next_is(s, "0"))
		s->pos++;
	else if (!scan_digits(s))
		return refuse(s, start, "not a number");
	if (next_is(s, "0123456789"))
		return refuse(s, start, "a number must not start with 0");
	if (next_is(s, ".")) {
		s->pos++;
		if (!scan_digits(s))
			return refuse(s, start, "not a number");
	}
	if (next_is(s, "eE")) {
		s->pos++;
		if (next_is(s, "+-"))
			s->pos++;
		if (!scan_digits(s))
			return refuse(s, start, "not a number");
	}
	if (s->pos - start > JSON_MAX_NUMBER)
		return refuse(s, start, "this number is too long");
	return 0;
}

static int scan_literal(struct json_scan *s)
{
	static const char *const literals[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		size_t n = strlen(literals[i]);

		if (s->len - s->pos >= n && !memcmp(s->text + s->pos, literals[i], n)) {
			s->pos += n;
			return 0;
		}
	}
	return refuse(s, s->pos, "a value is expected here");
}

/* A field name and its colon. */
static int scan_name(struct json_scan *s)
{
	int ret;

	if (!next_is(s, "\""))
		return refuse(s, s->pos, "a field name in double quotes is expected here");
	ret = json_scan_string(s);
	if (ret < 0)
		return ret;
	ret = json_scan_space(s);
	if (ret < 0)
		return ret;
	if (!next_is(s, ":"))
		return refuse(s, s->pos, "':' is expected after a field name");
	s->pos++;
	return 0;
}

/* @pos stands on the opening bracket; @close is the one that ends it. */
static int scan_container(struct json_scan *s, char close)
{
	size_t start = s->pos++, comma = 0;
	int ret;

	if (++s->depth > JSON_MAX_DEPTH)
		return refuse(s, start, "nested deeper than 64 levels");
	for (;;) {
		ret = json_scan_space(s);
		if (ret < 0)
			return ret;
		if (s->pos == s->len)
			return refuse(s, start,
				      close == '}' ? "this object is not closed"
						   : "this array is not closed");
		if (s->text[s->pos] == close) {
			if (comma && s->dialect == JSON_STRICT)
				return refuse(s, comma, "',' before the closing bracket");
			if (comma)
				blank_out(s, comma, comma + 1);
			s->pos++;
			s->depth--;
			return 0;
		}
		ret = close == '}' ? scan_name(s) : 0;
		if (!ret)
			ret = json_scan_value(s);
		if (!ret)
			ret = json_scan_space(s);
		if (ret < 0)
			return ret;
		comma = 0;
		if (next_is(s, ","))
			comma = s->pos++;
		else if (s->pos < s->len && s->text[s->pos] != close)
			return refuse(s, s->pos,
				      close == '}' ? "',' or '}' is expected here"
						   : "',' or ']' is expected here");
	}
}

int json_scan_value(struct json_scan *s)
{
	int ret = json_scan_space(s);

	if (ret < 0)
		return ret;
	if (s->pos == s->len)
		return refuse(s, s->pos, "the text ends where a value is expected");
	if (s->values++ == JSON_MAX_VALUES)
		return refuse(s, s->pos, "more values than any configuration needs");
	switch (s->text[s->pos]) {
	case '{':
		return scan_container(s, '}');
	case '[':
		return scan_container(s, ']');
	case '"':
		return json_scan_string(s);
	case '-':
	case '0' ... '9':
		return scan_number(s);
	default:
		return scan_literal(s);
	}
}

int json_scan_text(struct json_scan *s)
{
	int ret = check_bytes(s);

	if (!ret)
		ret = json_scan_value(s);
	if (!ret)
		ret = json_scan_space(s);
	if (!ret && s->pos < s->len)
		ret = refuse(s, s->pos, "unexpected text after the end");
	return ret;
}
