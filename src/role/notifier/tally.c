/* SPDX-License-Identifier: Apache-2.0 */
#include "role/notifier/notifier_priv.h"
#include "base/codec.h"
#include <assert.h>

static const struct str outcome_name[PAGE_OUTCOME_COUNT] = {
	[PAGE_ACCEPTED] = STR_INIT("accepted"),
	[PAGE_RETRY] = STR_INIT("retry"),
	[PAGE_FINAL] = STR_INIT("final"),
	[PAGE_UNKNOWN] = STR_INIT("unknown"),
	[PAGE_CANCELLED] = STR_INIT("cancelled"),
};
static const struct {
	int64_t ns;
	struct str le;
} bound[TALLY_BOUNDS] = {
	{ 5 * NS_PER_MS, STR_INIT("0.005") },
	{ 10 * NS_PER_MS, STR_INIT("0.01") },
	{ 25 * NS_PER_MS, STR_INIT("0.025") },
	{ 50 * NS_PER_MS, STR_INIT("0.05") },
	{ 100 * NS_PER_MS, STR_INIT("0.1") },
	{ 250 * NS_PER_MS, STR_INIT("0.25") },
	{ 1 * NS_PER_S, STR_INIT("1") },
	{ 5 * NS_PER_S, STR_INIT("5") },
	{ 30 * NS_PER_S, STR_INIT("30") },
	{ 120 * NS_PER_S, STR_INIT("120") },
};

void tally_add(struct tallies *t, struct str provider, enum page_outcome outcome, struct span took)
{
	assert(outcome < PAGE_OUTCOME_COUNT);
	struct tally *found = NULL;
	struct str name = str_utf8_first(provider, sizeof(found->provider) - 1);
	for (size_t i = 0; i < t->count && !found; i++)
		if (str_eq(str_c(t->list[i].provider), name))
			found = &t->list[i];
	if (!found && t->count < TALLIES_MAX) {
		found = &t->list[t->count++];
		memcpy(found->provider, name.ptr, name.len);
	}
	if (!found) {
		t->lost++;
		return;
	}
	found->outcomes[outcome]++;
	if (outcome == PAGE_CANCELLED)
		return; /* it took as long as somebody's acknowledgement did */
	size_t i = 0;
	while (i < TALLY_BOUNDS && took.ns > bound[i].ns)
		i++;
	found->buckets[i]++;
	found->seconds_sum += (double)took.ns / (double)NS_PER_S;
}

/* Counts samples while it writes them. */
struct samples {
	struct buf *b;
	uint32_t count;
};

static void sample(struct samples *s, struct str name, struct str provider, struct str label,
    struct str value, double v)
{
	put_str(s->b, name);
	put_u8(s->b, (uint8_t)((provider.len > 0) + (label.len > 0)));
	if (provider.len > 0) {
		put_str(s->b, STR("provider"));
		put_str(s->b, provider);
	}
	if (label.len > 0) {
		put_str(s->b, label);
		put_str(s->b, value);
	}
	put_f64(s->b, v);
	s->count++;
}

static void write_tally(struct samples *s, const struct tally *t)
{
	struct str provider = str_c(t->provider);
	uint64_t sum = 0;
	for (size_t o = 0; o < PAGE_OUTCOME_COUNT; o++)
		sample(s, STR("quis_pages_total"), provider, STR("outcome"), outcome_name[o],
		    (double)t->outcomes[o]);
	for (size_t i = 0; i < TALLY_BOUNDS; i++) {
		sum += t->buckets[i];
		sample(s, STR("quis_page_seconds_bucket"), provider, STR("le"), bound[i].le,
		    (double)sum);
	}
	sum += t->buckets[TALLY_BOUNDS];
	sample(s, STR("quis_page_seconds_bucket"), provider, STR("le"), STR("+Inf"), (double)sum);
	sample(s, STR("quis_page_seconds_count"), provider, STR(""), STR(""), (double)sum);
	sample(s, STR("quis_page_seconds_sum"), provider, STR(""), STR(""), t->seconds_sum);
}

void tally_write(
    struct buf *b, const struct tallies *t, const struct tally_gauges *gauges, int64_t at_ms)
{
	own(buf_free) struct buf list = buf_make(b->mem, b->limit);
	struct samples s = { .b = &list };
	for (size_t i = 0; i < t->count; i++)
		write_tally(&s, &t->list[i]);
	sample(&s, STR("quis_pages_waiting"), STR(""), STR(""), STR(""), (double)gauges->waiting);
	sample(&s, STR("quis_pages_sending"), STR(""), STR(""), STR(""), (double)gauges->sending);
	sample(&s, STR("quis_receipts_unconfirmed"), STR(""), STR(""), STR(""),
	    (double)gauges->unconfirmed);
	put_i64(b, at_ms);
	put_u32(b, s.count);
	buf_add(b, buf_str(&list));
	if (list.err != OK && b->err == OK)
		b->err = list.err;
}
