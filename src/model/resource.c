/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of what teams own, and finding it by name in a compiled directory.
 */
#include "model/resource.h"
#include "base/hash.h"

#include <assert.h>

const struct str contact_type_name[CONTACT_TYPE_COUNT] = {
	[CONTACT_EMAIL] = STR_INIT("email"),
	[CONTACT_WEBHOOK] = STR_INIT("webhook"),
	[CONTACT_NTFY] = STR_INIT("ntfy"),
	[CONTACT_CONSOLE] = STR_INIT("console"),
	[CONTACT_SMS] = STR_INIT("sms"),
	[CONTACT_PHONE] = STR_INIT("phone"),
};
const struct str urgency_name[URGENCY_COUNT] = {
	[URGENCY_HIGH] = STR_INIT("high"),
	[URGENCY_LOW] = STR_INIT("low"),
};
const struct str severity_name[SEVERITY_COUNT] = {
	[SEVERITY_CRITICAL] = STR_INIT("critical"),
	[SEVERITY_ERROR] = STR_INIT("error"),
	[SEVERITY_WARNING] = STR_INIT("warning"),
	[SEVERITY_INFO] = STR_INIT("info"),
};
const struct str manager_name[MANAGER_COUNT] = {
	[MANAGER_FILE] = STR_INIT("file"),
	[MANAGER_APPLY] = STR_INIT("apply"),
	[MANAGER_UI] = STR_INIT("ui"),
	[MANAGER_API] = STR_INIT("api"),
};

/* The str at `offset` of the i-th element of an array. */
static struct str name_at(const void *list, size_t size, size_t offset, size_t i)
{
	struct str s;
	memcpy(&s, (const char *)list + i * size + offset, sizeof(s));
	return s;
}

static int32_t find(const void *list, size_t count, size_t size, size_t offset, struct str name)
{
	size_t low = 0, high = count;
	assert(count == 0 || list);
	assert(count <= INT32_MAX);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = str_cmp(name_at(list, size, offset, mid), name);
		if (c == 0)
			return (int32_t)mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

int32_t directory_user(const struct directory *d, struct str name)
{
	return find(d->users, d->user_count, sizeof(*d->users), offsetof(struct user, name), name);
}

int32_t directory_schedule(const struct directory *d, struct str name)
{
	return find(d->schedules, d->schedule_count, sizeof(*d->schedules),
	    offsetof(struct schedule, name), name);
}

int32_t directory_policy(const struct directory *d, struct str name)
{
	return find(d->policies, d->policy_count, sizeof(*d->policies),
	    offsetof(struct policy, name), name);
}

int32_t directory_service(const struct directory *d, struct str name)
{
	return find(d->services, d->service_count, sizeof(*d->services),
	    offsetof(struct service, name), name);
}

int32_t directory_rule(const struct directory *d, struct str name)
{
	return find(
	    d->rules, d->rule_count, sizeof(*d->rules), offsetof(struct alert_rule, name), name);
}

const struct integration *directory_integration(const struct directory *d, struct str key)
{
	int32_t i = find(d->integrations, d->integration_count, sizeof(*d->integrations),
	    offsetof(struct integration, key), key);
	if (i < 0 || !str_eq_secret(d->integrations[i].key, key))
		return NULL;
	return &d->integrations[i];
}

struct str resource_id(struct arena *a, char letter, struct str kind, struct str name)
{
	static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char text[7];
	uint64_t h = hash64(name, hash64(kind, 0));
	text[0] = letter;
	for (size_t i = 1; i < sizeof(text); i++) {
		text[i] = digit[h % 36];
		h /= 36;
	}
	return arena_str(a, str_make(text, sizeof(text)));
}
