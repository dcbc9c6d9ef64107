/* SPDX-License-Identifier: Apache-2.0
 *
 * PCRE2 behind a narrow door: anchored, dot-all, with a match limit, its memory from our arena.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "query/regex.h"
#include <assert.h>
#include <pcre2.h>

enum regex_kind { REGEX_WORDS, REGEX_ANY, REGEX_SOME, REGEX_ENGINE };

struct regex {
	enum regex_kind kind;
	struct str *words;
	size_t word_count;
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static void *engine_alloc(size_t size, void *arena)
{
	return arena_alloc(arena, size, 1);
}

static void engine_free(void *ptr, void *arena)
{
	(void)ptr; /* the arena frees all at once */
	(void)arena;
}

static bool is_meta(char c)
{
	return c == '\0' || strchr("\\.+*?()[]{}^$", c) != NULL;
}

/* "a|b|c" of plain words; false when there is anything else in it. */
static bool words_of(struct arena *a, struct str pattern, struct regex *re)
{
	size_t bars = 0;
	for (size_t i = 0; i < pattern.len; i++) {
		if (is_meta(pattern.ptr[i]))
			return false;
		bars += pattern.ptr[i] == '|';
	}
	re->words = arena_new(a, struct str, bars + 1);
	if (!re->words)
		return false;
	struct str rest = pattern;
	while (rest.ptr)
		re->words[re->word_count++] = str_cut(&rest, '|');
	assert(re->word_count <= bars + 1);
	if (re->word_count == 0) /* the empty pattern is one empty word */
		re->words[re->word_count++] = STR("");
	return true;
}

static enum err compile(struct arena *a, struct str pattern, struct regex *re, struct str *ret_why)
{
	pcre2_general_context *general = pcre2_general_context_create(engine_alloc, engine_free, a);
	pcre2_compile_context *cc = general ? pcre2_compile_context_create(general) : NULL;
	if (!cc)
		return arena_err(a) ? arena_err(a) : ERR_NOMEM;
	pcre2_set_parens_nest_limit(cc, 100);
	int code = 0;
	PCRE2_SIZE at = 0;
	re->code = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len,
	    PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_UTF |
	        PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
	    &code, &at, cc);
	if (!re->code) {
		if (arena_err(a) != OK)
			return arena_err(a);
		if (ret_why) {
			PCRE2_UCHAR text[128] = { 0 };
			pcre2_get_error_message(code, text, sizeof(text));
			*ret_why =
			    arena_printf(a, "%s at byte %zu", (const char *)text, (size_t)at);
		}
		return ERR_INPUT;
	}
	re->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, general);
	re->context = pcre2_match_context_create(general);
	if (!re->data || !re->context)
		return arena_err(a) ? arena_err(a) : ERR_NOMEM;
	pcre2_set_match_limit(re->context, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(re->context, 10000);
	return OK;
}

enum err regex_make(struct arena *a, struct str pattern, struct regex **ret, struct str *ret_why)
{
	if (pattern.len > REGEX_LEN_MAX) {
		if (ret_why)
			*ret_why = arena_printf(a, "longer than %u bytes", REGEX_LEN_MAX);
		return ERR_LIMIT;
	}
	if (!str_utf8_valid(pattern)) {
		if (ret_why)
			*ret_why = STR("invalid UTF-8");
		return ERR_INPUT;
	}
	struct regex *re = arena_new(a, struct regex, 1);
	if (!re)
		return arena_err(a);
	if (str_eq(pattern, STR(".*"))) {
		re->kind = REGEX_ANY;
	} else if (str_eq(pattern, STR(".+"))) {
		re->kind = REGEX_SOME;
	} else if (words_of(a, pattern, re)) {
		re->kind = REGEX_WORDS;
	} else {
		re->kind = REGEX_ENGINE;
		enum err e = arena_err(a) ? arena_err(a) : compile(a, pattern, re, ret_why);
		if (e != OK)
			return e;
	}
	*ret = re;
	return OK;
}

static int engine(const struct regex *re, struct str s)
{
	return pcre2_match(
	    re->code, (PCRE2_SPTR)(s.ptr ? s.ptr : ""), s.len, 0, 0, re->data, re->context);
}

bool regex_match(const struct regex *re, struct str s)
{
	switch (re->kind) {
	case REGEX_ANY: return true;
	case REGEX_SOME: return s.len > 0;
	case REGEX_WORDS:
		for (size_t i = 0; i < re->word_count; i++)
			if (str_eq(re->words[i], s))
				return true;
		return false;
	case REGEX_ENGINE: return engine(re, s) >= 0;
	}
	return false;
}

static struct str group(const struct regex *re, struct str s, int groups, uint32_t n)
{
	if (re->kind != REGEX_ENGINE)
		return n == 0 ? s : STR("");
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(re->data);
	if ((int)n >= groups || at[2 * n] == PCRE2_UNSET)
		return STR("");
	return str_make(s.ptr + at[2 * n], at[2 * n + 1] - at[2 * n]);
}

static struct str group_named(const struct regex *re, struct str s, int groups, struct str name)
{
	char z[64];
	uint64_t n;
	if (str_u64(name, &n) == OK)
		return n > REGEX_GROUPS_MAX ? STR("") : group(re, s, groups, (uint32_t)n);
	if (re->kind != REGEX_ENGINE || name.len >= sizeof(z))
		return STR("");
	memcpy(z, name.ptr, name.len);
	z[name.len] = '\0';
	int number = pcre2_substring_number_from_name(re->code, (PCRE2_SPTR)z);
	return number <= 0 ? STR("") : group(re, s, groups, (uint32_t)number);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

bool regex_expand(const struct regex *re, struct str s, struct str template, struct buf *out)
{
	int groups = 1;
	if (re->kind == REGEX_ENGINE) {
		groups = engine(re, s);
		if (groups < 0)
			return false;
	} else if (!regex_match(re, s)) {
		return false;
	}
	for (size_t i = 0; i < template.len;) {
		char c = template.ptr[i];
		char next = i + 1 < template.len ? template.ptr[i + 1] : '\0';
		if (c != '$' || (next != '$' && next != '{' && !is_word(next))) {
			buf_add_char(out, c);
			i++;
			continue;
		}
		if (next == '$') {
			buf_add_char(out, '$');
			i += 2;
			continue;
		}
		size_t from = i + 1 + (next == '{'), to = from;
		while (to < template.len && is_word(template.ptr[to]))
			to++;
		if (next == '{' && (to == template.len || template.ptr[to] != '}' || to == from)) {
			buf_add_char(out, c); /* a broken ${: kept as it is */
			i++;
			continue;
		}
		buf_add(out, group_named(re, s, groups, str_make(template.ptr + from, to - from)));
		i = to + (next == '{');
	}
	return true;
}

size_t regex_words(const struct regex *re, const struct str **ret_words)
{
	if (re->kind != REGEX_WORDS)
		return 0;
	*ret_words = re->words;
	return re->word_count;
}
