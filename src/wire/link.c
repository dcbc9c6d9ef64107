/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/link.h"
#include "base/enc.h"
#include <assert.h>
#include <sodium.h>

#define MAC_BYTES crypto_auth_hmacsha256_BYTES
#define PLAIN_BYTES_MAX 192u

_Static_assert(LINK_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "the key fits the function");

enum err link_key_read(struct str hex, struct link_key *ret_key)
{
	if (hex.len != 2 * LINK_KEY_BYTES)
		return ERR_INPUT;
	struct buf b = buf_make(&mem_system, LINK_KEY_BYTES);
	enum err e = dec_hex(hex, &b);
	if (e == OK && b.len == LINK_KEY_BYTES)
		memcpy(ret_key->bytes, b.ptr, LINK_KEY_BYTES);
	else if (e == OK)
		e = ERR_INPUT;
	if (b.ptr)
		sodium_memzero(b.ptr, b.cap);
	buf_free(&b);
	return e;
}

static void sign(const struct link_key *key, struct str text, unsigned char out[MAC_BYTES])
{
	int failed =
	    crypto_auth_hmacsha256(out, (const unsigned char *)text.ptr, text.len, key->bytes);
	assert(failed == 0);
}

static char action_letter(enum link_action action)
{
	assert(action == LINK_ACKNOWLEDGE || action == LINK_RESOLVE);
	return action == LINK_ACKNOWLEDGE ? 'a' : 'r';
}

void link_make(struct buf *b, const struct link_key *key, const struct link_claim *claim)
{
	assert(claim->message.text[0] && claim->expires.ns >= 0);
	struct buf plain = buf_make(b->mem, PLAIN_BYTES_MAX);
	buf_add(&plain, id_str(&claim->message));
	buf_add_char(&plain, '.');
	buf_add_char(&plain, action_letter(claim->action));
	buf_add_char(&plain, '.');
	buf_add_i64(&plain, claim->expires.ns / NS_PER_S);
	if (plain.err == OK) {
		unsigned char mac[MAC_BYTES];
		sign(key, buf_str(&plain), mac);
		buf_add_char(&plain, '.');
		enc_hex(&plain, str_make((const char *)mac, MAC_BYTES));
	}
	if (plain.err == OK)
		enc_base64url(b, buf_str(&plain));
	else if (b->err == OK)
		b->err = plain.err;
	buf_free(&plain);
}

/* The parts of the decoded text; nothing about them is proven yet. */
static enum err claim_read(struct str signed_text, struct link_claim *ret_claim)
{
	struct link_claim claim = { 0 };
	struct str rest = signed_text;
	if (id_parse(str_cut(&rest, '.'), &claim.message) != OK || !rest.ptr ||
	    !claim.message.text[0])
		return ERR_INPUT;
	struct str action = str_cut(&rest, '.');
	if (!rest.ptr || action.len != 1 || (action.ptr[0] != 'a' && action.ptr[0] != 'r'))
		return ERR_INPUT;
	claim.action = action.ptr[0] == 'a' ? LINK_ACKNOWLEDGE : LINK_RESOLVE;
	uint64_t seconds;
	if (str_u64(rest, &seconds) != OK || seconds > (uint64_t)(INT64_MAX / NS_PER_S))
		return ERR_INPUT;
	claim.expires.ns = (int64_t)seconds * NS_PER_S;
	*ret_claim = claim;
	return OK;
}

enum err link_check(
    struct str token, const struct link_key *key, struct wall now, struct link_claim *ret_claim)
{
	if (token.len == 0 || token.len > LINK_TOKEN_BYTES_MAX)
		return ERR_INPUT;
	own(buf_free) struct buf plain = buf_make(&mem_system, LINK_TOKEN_BYTES_MAX);
	enum err e = dec_base64(token, &plain);
	if (e != OK)
		return e == ERR_NOMEM ? e : ERR_INPUT;
	struct str text = buf_str(&plain);
	if (text.len <= 2 * MAC_BYTES + 1 || text.ptr[text.len - 2 * MAC_BYTES - 1] != '.')
		return ERR_INPUT;
	struct str signed_text = str_first(text, text.len - 2 * MAC_BYTES - 1);
	struct str given = str_from(text, text.len - 2 * MAC_BYTES);
	struct link_claim claim;
	if (claim_read(signed_text, &claim) != OK)
		return ERR_INPUT;
	unsigned char mac[MAC_BYTES];
	sign(key, signed_text, mac);
	char want[2 * MAC_BYTES + 1];
	sodium_bin2hex(want, sizeof(want), mac, MAC_BYTES);
	if (sodium_memcmp(want, given.ptr, 2 * MAC_BYTES) != 0)
		return ERR_DENIED;
	if (now.ns >= claim.expires.ns)
		return ERR_GONE;
	*ret_claim = claim;
	return OK;
}
