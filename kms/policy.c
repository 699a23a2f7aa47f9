// SPDX-License-Identifier: GPL-2.0
/*
 * Policies are checked as a whole when a key is made, and there is nothing in them that is
 * not understood: what does not count must not look as if it did. Deny goes before Allow,
 * and what nobody allows is denied.
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kms.h"
#include "policy.h"

#define RECIPIENT "kms:RecipientAttestation:"
#define CONTEXT "kms:EncryptionContext:"
#define ARN_IAM "arn:aws:iam::000000000000:"

static const struct operator {
	const char *name;
	bool ignore_case, like, negated, null;
} operators[] = {
	{ .name = "StringEquals" },
	{ .name = "StringNotEquals", .negated = true },
	{ .name = "StringEqualsIgnoreCase", .ignore_case = true },
	{ .name = "StringNotEqualsIgnoreCase", .ignore_case = true, .negated = true },
	{ .name = "StringLike", .like = true },
	{ .name = "StringNotLike", .like = true, .negated = true },
	{ .name = "Null", .null = true },
};

static const char *const actions[] = {
	"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
	"kms:GenerateDataKeyWithoutPlaintext", "kms:ListKeyRotations", "kms:RotateKeyOnDemand",
};

static const struct operator *find_operator(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (!strcmp(operators[i].name, name))
			return &operators[i];
	return NULL;
}

/* '*' is any text, '?' any character */
static bool matches(const char *pattern, const char *text, bool ignore_case)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		bool same = ignore_case ? tolower((unsigned char)*pattern) ==
					  tolower((unsigned char)*text) : *pattern == *text;

		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || same) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/* A string stands for a list of one */
static size_t count(sd_json_variant *v)
{
	return sd_json_variant_is_array(v) ? sd_json_variant_elements(v) : 1;
}

static const char *item(sd_json_variant *v, size_t i)
{
	if (sd_json_variant_is_array(v))
		v = sd_json_variant_by_index(v, i);
	if (sd_json_variant_is_boolean(v))
		return sd_json_variant_boolean(v) ? "true" : "false";
	return sd_json_variant_is_string(v) ? sd_json_variant_string(v) : NULL;
}

static int check_texts(sd_json_variant *v, const char *what, struct why *why)
{
	if (!v || !count(v))
		return refuse(why, "%s is missing", what);
	for (size_t i = 0; i < count(v); i++)
		if (!item(v, i))
			return refuse(why, "%s is neither text nor a list of texts", what);
	return 0;
}

static int check_actions(sd_json_variant *v, struct why *why)
{
	int r = check_texts(v, "Action", why);

	for (size_t i = 0; !r && i < count(v); i++) {
		bool known = false;

		for (size_t j = 0; j < ARRAY_SIZE(actions); j++)
			known |= matches(item(v, i), actions[j], true);
		if (!known)
			r = refuse(why, "Action '%s' is none of this service", item(v, i));
	}
	return r;
}

static const char *short_name(const char *principal)
{
	size_t n = strlen(ARN_IAM);

	return strncmp(principal, ARN_IAM, n) ? principal : principal + n;
}

static sd_json_variant *principals(sd_json_variant *statement)
{
	sd_json_variant *v = sd_json_variant_by_key(statement, "Principal");

	return v && sd_json_variant_is_object(v) ? sd_json_variant_by_key(v, "AWS") : v;
}

static int check_principals(sd_json_variant *statement, struct why *why)
{
	static const char *const kinds[] = { "user/?*", "uid/?*", "vsock/?*" };
	sd_json_variant *all = sd_json_variant_by_key(statement, "Principal");
	sd_json_variant *v = principals(statement);
	int r = check_texts(v, "Principal", why);

	if (!r && sd_json_variant_is_object(all) && sd_json_variant_elements(all) != 2)
		return refuse(why, "Principal has more than AWS in it");
	for (size_t i = 0; !r && i < count(v); i++) {
		const char *name = short_name(item(v, i));
		bool good = !strcmp(name, "*");

		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++)
			good |= matches(kinds[j], name, false) && !strpbrk(name, "*?");
		if (!good)
			r = refuse(why, "Principal '%s' is not '*', 'user/NAME', 'uid/N' or 'vsock/CID'",
				   item(v, i));
	}
	return r;
}

/* Return: the number of the register that a condition is about, -1 for another key */
static int register_of(const char *key)
{
	unsigned int n;
	char end;

	if (strncasecmp(key, RECIPIENT, strlen(RECIPIENT)))
		return -1;
	key += strlen(RECIPIENT);
	if (!strcasecmp(key, "ImageSha384"))
		return PCR_IMAGE;
	if (strncasecmp(key, "PCR", 3) || !isdigit((unsigned char)key[3]) ||
	    (key[3] == '0' && key[4]) || sscanf(key + 3, "%2u%c", &n, &end) != 1 || n >= PCR_COUNT)
		return -1;
	return (int)n;
}

/* What a register cannot be is a mistake, not a key that nobody can use */
static int check_value(const struct operator *op, const char *key, const char *value,
		       struct why *why)
{
	uint8_t bytes[PCR_SIZE];
	size_t n;

	if (op->null)
		return !strcmp(value, "true") || !strcmp(value, "false") ? 0 :
			refuse(why, "Null of '%s' is neither true nor false", key);
	if (register_of(key) < 0 || op->like)
		return 0;
	if (hex_read(value, bytes, sizeof(bytes), &n) || n != PCR_SIZE)
		return refuse(why, "'%s' is not compared with %d hexadecimal digits", key,
			      2 * PCR_SIZE);
	return 0;
}

static int check_condition(const char *name, sd_json_variant *pairs, struct why *why)
{
	const struct operator *op = find_operator(name);
	const char *key;
	sd_json_variant *v;

	if (!op)
		return refuse(why, "the condition operator '%s' is not known", name);
	if (!sd_json_variant_is_object(pairs))
		return refuse(why, "'%s' is no object", name);
	OBJECT_FOREACH(key, v, pairs) {
		size_t n = strlen(CONTEXT);
		bool context = !strncasecmp(key, CONTEXT, n) && key[n];

		if (!context && register_of(key) < 0)
			return refuse(why, "the condition key '%s' is not known", key);
		if (check_texts(v, key, why))
			return -EINVAL;
		for (size_t i = 0; i < count(v); i++)
			if (check_value(op, key, item(v, i), why))
				return -EINVAL;
	}
	return 0;
}

static int check_conditions(sd_json_variant *conditions, struct why *why)
{
	const char *name;
	sd_json_variant *pairs;

	if (!conditions)
		return 0;
	if (!sd_json_variant_is_object(conditions))
		return refuse(why, "Condition is no object");
	OBJECT_FOREACH(name, pairs, conditions)
		if (check_condition(name, pairs, why))
			return -EINVAL;
	return 0;
}

/* Keys of an object that are not in @known, or are there twice */
static int check_keys(sd_json_variant *object, const char *const known[], struct why *why)
{
	const char *key;
	sd_json_variant *v;

	OBJECT_FOREACH(key, v, object) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], key))
			i++;
		if (!known[i])
			return refuse(why, "'%s' is not known", key);
		if (sd_json_variant_by_key(object, key) != v)
			return refuse(why, "'%s' is there twice", key);
	}
	return 0;
}

static int check_statement(sd_json_variant *v, struct why *why)
{
	static const char *const keys[] = {
		"Sid", "Effect", "Principal", "Action", "Resource", "Condition", NULL
	};
	const char *effect, *resource;
	int r;

	if (!sd_json_variant_is_object(v))
		return refuse(why, "it is no object");
	r = check_keys(v, keys, why);
	if (r)
		return r;
	effect = item(sd_json_variant_by_key(v, "Effect"), 0);
	if (!effect || (strcmp(effect, "Allow") && strcmp(effect, "Deny")))
		return refuse(why, "Effect is neither Allow nor Deny");
	resource = item(sd_json_variant_by_key(v, "Resource"), 0);
	if (!resource || strcmp(resource, "*"))
		return refuse(why, "Resource is not '*', the key that the policy belongs to");
	r = check_principals(v, why);
	if (!r)
		r = check_actions(sd_json_variant_by_key(v, "Action"), why);
	return r ?: check_conditions(sd_json_variant_by_key(v, "Condition"), why);
}

static sd_json_variant *statement(sd_json_variant *policy, size_t i)
{
	sd_json_variant *v = sd_json_variant_by_key(policy, "Statement");

	return sd_json_variant_is_array(v) ? sd_json_variant_by_index(v, i) : v;
}

/**
 * policy_check - is a text a policy, all of which is understood
 * @text: JSON
 * @why: says why not
 *
 * Context: any; the text may be hostile.
 * Return: 0 or -EINVAL.
 */
int policy_check(const char *text, struct why *why)
{
	static const char *const keys[] = { "Version", "Id", "Statement", NULL };
	_cleanup_json_ sd_json_variant *policy = NULL;
	sd_json_variant *statements;
	const char *version;
	unsigned int line = 0;

	if (sd_json_parse(text, 0, &policy, &line, NULL) < 0)
		return refuse(why, "line %u of the policy is no JSON", line ?: 1);
	if (!sd_json_variant_is_object(policy))
		return refuse(why, "the policy is no JSON object");
	if (check_keys(policy, keys, why)) {
		why_prefix(why, "policy");
		return -EINVAL;
	}
	version = item(sd_json_variant_by_key(policy, "Version"), 0);
	if (!version || strcmp(version, "2012-10-17"))
		return refuse(why, "the policy's Version is not 2012-10-17");
	statements = sd_json_variant_by_key(policy, "Statement");
	if (!statements || !count(statements))
		return refuse(why, "the policy has no Statement");
	for (size_t i = 0; i < count(statements); i++) {
		if (!check_statement(statement(policy, i), why))
			continue;
		why_prefix(why, "statement %zu of the policy", i + 1);
		return -EINVAL;
	}
	return 0;
}

static bool any_action(sd_json_variant *v, const char *action)
{
	for (size_t i = 0; i < count(v); i++)
		if (matches(item(v, i), action, true))
			return true;
	return false;
}

static bool any_principal(sd_json_variant *v, const char *principal)
{
	for (size_t i = 0; i < count(v); i++) {
		const char *name = short_name(item(v, i));

		if (!strcmp(name, "*") || !strcmp(name, principal))
			return true;
	}
	return false;
}

/* Return: what a condition is about, in @hex or in the question's memory; NULL for nothing */
static const char *actual(const char *key, const struct question *q, char hex[static PCR_HEX_SIZE])
{
	int n = register_of(key);
	sd_json_variant *v;

	if (n < 0) {
		v = q->context ? sd_json_variant_by_key(q->context, key + strlen(CONTEXT)) : NULL;
		return v ? sd_json_variant_string(v) : NULL;
	}
	if (!q->evidence || !(q->evidence->document.present & 1U << n))
		return NULL;
	pcr_hex(&q->evidence->document.pcrs[n], hex);
	return hex;
}

static bool same(const struct operator *op, const char *wanted, const char *value)
{
	if (op->like)
		return matches(wanted, value, false);
	return op->ignore_case ? !strcasecmp(wanted, value) : !strcmp(wanted, value);
}

/* What is not there is equal to nothing */
static bool holds(const struct operator *op, const char *key, sd_json_variant *wanted,
		  const struct question *q)
{
	char hex[PCR_HEX_SIZE];
	const char *value = actual(key, q, hex);
	bool found = false;

	for (size_t i = 0; i < count(wanted); i++) {
		if (op->null)
			found |= !strcmp(item(wanted, i), "true") == !value;
		else
			found |= value && same(op, item(wanted, i), value);
	}
	return found != op->negated;
}

static bool all_conditions(sd_json_variant *conditions, const struct question *q)
{
	const char *name, *key;
	sd_json_variant *pairs, *wanted;

	if (!conditions)
		return true;
	OBJECT_FOREACH(name, pairs, conditions) {
		const struct operator *op = find_operator(name);

		OBJECT_FOREACH(key, wanted, pairs)
			if (!op || !holds(op, key, wanted, q))
				return false;
	}
	return true;
}

static bool applies(sd_json_variant *v, const struct question *q)
{
	return any_action(sd_json_variant_by_key(v, "Action"), q->action) &&
		any_principal(principals(v), q->principal) &&
		all_conditions(sd_json_variant_by_key(v, "Condition"), q);
}

/**
 * policy_allows - may somebody do something
 * @text: a policy that policy_check() has found good
 * @question: who and what
 *
 * Context: any.
 * Return: true if they may.
 */
bool policy_allows(const char *text, const struct question *question)
{
	_cleanup_json_ sd_json_variant *policy = NULL;
	bool allowed = false;
	struct why why;

	/* The database is ours, and costs as little to distrust */
	if (policy_check(text, &why) || sd_json_parse(text, 0, &policy, NULL, NULL) < 0)
		return false;
	for (size_t i = 0; i < count(sd_json_variant_by_key(policy, "Statement")); i++) {
		sd_json_variant *v = statement(policy, i);

		if (!applies(v, question))
			continue;
		if (!strcmp(item(sd_json_variant_by_key(v, "Effect"), 0), "Deny"))
			return false;
		allowed = true;
	}
	return allowed;
}
