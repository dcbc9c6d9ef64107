/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms of texts: what an address, a key, a zone's name, a time of day look like.
 */
#pragma once
#include "conf/schema_priv.h"

struct form_fault {
	struct str message, hint;
};
/* False, with what is wrong, when the text is not of that form. */
bool conf_form_check(
    struct arena *a, enum text_form form, struct str text, struct form_fault *ret_fault);
/* How a text of that form is called in the reference. */
struct str conf_form_text(enum text_form form);
bool conf_label_name_valid(struct str name);
/* False, with what to do, when the address cannot be one for this type of contact. */
bool conf_contact_address_ok(enum contact_type type, struct str address, struct str *ret_fix);
