/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging the ledger: what may be believed of a subject (a rule, a route, a provider, a person)
 * given when it was last proven. A green light that no fresh evidence stands behind is a defect, so
 * silence grows from proven to stale by itself. Pure functions; rows are model/incident.h's struct
 * proof, the subjects' names are made there (proof_subject_*) and taken apart here.
 */
#pragma once
#include "model/incident.h"

/* From good to bad, as a list of them is to be read. */
enum verdict { VERDICT_PROVEN, VERDICT_STALE, VERDICT_NEVER, VERDICT_BROKEN, VERDICT_COUNT };
extern const struct str verdict_name[VERDICT_COUNT]; /* proven stale never broken */

/* How long evidence of this kind is believed: rule 90 days, route 30, provider 7, person 30; any
 * other kind 7 days. */
struct span proof_fresh_for(struct str kind);

/* The verdict on a subject; proof NULL: nothing is known. Evidence from the future (a clock was set
 * back) by more than five minutes is stale: nobody knows how old it is. */
enum verdict proof_verdict(const struct proof *proof, struct wall now, struct span fresh_for);
static inline enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

/* Cuts "service/contact type" or "user/contact" at the last slash: names may hold slashes, types
 * and contacts may not. False when there is none. */
bool proof_subject_cut(struct str subject, struct str *ret_first, struct str *ret_second);
