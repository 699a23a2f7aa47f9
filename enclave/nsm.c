// SPDX-License-Identifier: GPL-2.0
/*
 * Requests are what serde makes of an enumeration: the name alone, or a map of the name to
 * a map of the arguments. Whatever serde takes is taken: numbers of any width, containers
 * and strings of indefinite length, arguments in any order, unknown ones beside them, text
 * or an array of numbers for bytes.
 *
 * What is no request is InvalidOperation; a request whose arguments are not what they have
 * to be is InvalidArgument. InvalidResponse is for clients to say, never for a module.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "item.h"
#include "nsm.h"

#define VERSION_MAJOR 1
#define VERSION_MINOR 0
#define VERSION_PATCH 0
#define LOCKED_AT_BOOT ((1U << PCR_BOOT_COUNT) - 1)
/* Linux misreads byte strings of less than 24 bytes */
#define RANDOM_SIZE 256
/* Longest name of a request or of an argument */
#define WORD_MAX 16

enum nsm_error {
	NSM_SUCCESS,
	NSM_INVALID_ARGUMENT,
	NSM_INVALID_INDEX,
	NSM_READ_ONLY_INDEX,
	NSM_INVALID_OPERATION,
	NSM_BUFFER_TOO_SMALL,
	NSM_INPUT_TOO_LARGE,
	NSM_INTERNAL_ERROR,
};

static const char *const errors[] = {
	[NSM_INVALID_ARGUMENT] = "InvalidArgument",
	[NSM_INVALID_INDEX] = "InvalidIndex",
	[NSM_READ_ONLY_INDEX] = "ReadOnlyIndex",
	[NSM_INVALID_OPERATION] = "InvalidOperation",
	[NSM_BUFFER_TOO_SMALL] = "BufferTooSmall",
	[NSM_INPUT_TOO_LARGE] = "InputTooLarge",
	[NSM_INTERNAL_ERROR] = "InternalError",
};

/* An argument that is a number (@number) or bytes that may be left out (@optional) */
struct argument {
	const char *name;
	bool number;
	bool optional;
	size_t most;
};

/* What was read for it; bytes are in the memory of the call */
struct value {
	bool seen;
	uint64_t number;
	struct blob blob;
};

#define ARGUMENTS_MAX 3

struct call {
	struct nsm *nsm;
	struct value values[ARGUMENTS_MAX];
	/* All bytes of a request together are fewer than the request */
	uint8_t bytes[NSM_REQUEST_MAX];
	size_t n_bytes;
	struct item_writer *w;
};

struct operation {
	const char *name;
	struct argument arguments[ARGUMENTS_MAX];
	enum nsm_error (*run)(struct call *call);
};

static bool is_locked(const struct nsm *nsm, uint64_t index)
{
	return nsm->locked & 1U << index;
}

/* {name: {…}} with @count pairs to come */
static void put_answer(struct item_writer *w, const char *name, size_t count)
{
	put_map(w, 1);
	put_text(w, name);
	put_map(w, count);
}

static enum nsm_error describe_pcr(struct call *call)
{
	uint64_t index = call->values[0].number;

	if (index >= PCR_COUNT)
		return NSM_INVALID_INDEX;
	put_answer(call->w, "DescribePCR", 2);
	put_text(call->w, "lock");
	put_bool(call->w, is_locked(call->nsm, index));
	put_text(call->w, "data");
	put_bytes(call->w, call->nsm->pcrs[index].value, PCR_SIZE);
	return NSM_SUCCESS;
}

static enum nsm_error extend_pcr(struct call *call)
{
	const struct blob *data = &call->values[1].blob;
	uint64_t index = call->values[0].number;
	struct pcr *pcr;

	if (index >= PCR_COUNT)
		return NSM_INVALID_INDEX;
	if (is_locked(call->nsm, index))
		return NSM_READ_ONLY_INDEX;
	pcr = &call->nsm->pcrs[index];
	if (pcr_extend(pcr, data->data, data->size))
		return NSM_INTERNAL_ERROR;
	put_answer(call->w, "ExtendPCR", 1);
	put_text(call->w, "data");
	put_bytes(call->w, pcr->value, PCR_SIZE);
	return NSM_SUCCESS;
}

static enum nsm_error lock_pcr(struct call *call)
{
	uint64_t index = call->values[0].number;

	if (index >= PCR_COUNT)
		return NSM_INVALID_INDEX;
	if (is_locked(call->nsm, index))
		return NSM_READ_ONLY_INDEX;
	call->nsm->locked |= 1U << index;
	put_text(call->w, "LockPCR");
	return NSM_SUCCESS;
}

static enum nsm_error lock_pcrs(struct call *call)
{
	uint64_t range = call->values[0].number;

	if (range > PCR_COUNT)
		return NSM_INVALID_INDEX;
	for (unsigned int i = 0; i < range; i++)
		call->nsm->locked |= 1U << i;
	put_text(call->w, "LockPCRs");
	return NSM_SUCCESS;
}

static enum nsm_error describe_nsm(struct call *call)
{
	const struct nsm *nsm = call->nsm;
	struct item_writer *w = call->w;

	put_answer(w, "DescribeNSM", 7);
	put_text(w, "version_major");
	put_uint(w, VERSION_MAJOR);
	put_text(w, "version_minor");
	put_uint(w, VERSION_MINOR);
	put_text(w, "version_patch");
	put_uint(w, VERSION_PATCH);
	put_text(w, "module_id");
	put_text(w, nsm->module_id);
	put_text(w, "max_pcrs");
	put_uint(w, PCR_COUNT);
	put_text(w, "locked_pcrs");
	put_array(w, __builtin_popcount(nsm->locked));
	for (unsigned int i = 0; i < PCR_COUNT; i++)
		if (is_locked(nsm, i))
			put_uint(w, i);
	put_text(w, "digest");
	put_text(w, "SHA384");
	return NSM_SUCCESS;
}

static enum nsm_error attest(struct call *call)
{
	const struct attestation what = {
		.user_data = call->values[0].blob,
		.nonce = call->values[1].blob,
		.public_key = call->values[2].blob,
	};
	uint8_t document[NSM_RESPONSE_MAX];
	size_t size;
	int err;

	if (what.public_key.present && !what.public_key.size)
		return NSM_INVALID_ARGUMENT;
	err = call->nsm->attest ? call->nsm->attest(call->nsm, &what, document, sizeof(document),
						    &size) : -EOPNOTSUPP;
	if (err)
		return err == -ENOBUFS ? NSM_BUFFER_TOO_SMALL : NSM_INTERNAL_ERROR;
	put_answer(call->w, "Attestation", 1);
	put_text(call->w, "document");
	put_bytes(call->w, document, size);
	return NSM_SUCCESS;
}

static enum nsm_error get_random(struct call *call)
{
	uint8_t random[RANDOM_SIZE];

	/* Up to 256 bytes come whole */
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return NSM_INTERNAL_ERROR;
	put_answer(call->w, "GetRandom", 1);
	put_text(call->w, "random");
	put_bytes(call->w, random, sizeof(random));
	return NSM_SUCCESS;
}

static const struct operation operations[] = {
	{ "DescribePCR", { { .name = "index", .number = true } }, describe_pcr },
	{ "ExtendPCR", { { .name = "index", .number = true },
			 { .name = "data", .most = NSM_REQUEST_MAX } }, extend_pcr },
	{ "LockPCR", { { .name = "index", .number = true } }, lock_pcr },
	{ "LockPCRs", { { .name = "range", .number = true } }, lock_pcrs },
	{ "DescribeNSM", {}, describe_nsm },
	{ "Attestation", { { .name = "user_data", .optional = true, .most = USER_DATA_MAX },
			   { .name = "nonce", .optional = true, .most = NONCE_MAX },
			   { .name = "public_key", .optional = true, .most = PUBLIC_KEY_MAX } },
	  attest },
	{ "GetRandom", {}, get_random },
};

/* The type of what comes next, without reading it */
static int peek(const struct item_reader *r, enum item_type *type)
{
	struct item_reader ahead = *r;
	struct item item;

	if (item_next(&ahead, &item))
		return -EBADMSG;
	*type = item.type;
	return 0;
}

static int read_numbers(struct item_reader *r, uint8_t *to, size_t room, size_t *n)
{
	struct item_walk walk;

	*n = 0;
	if (item_open(r, ITEM_ARRAY, &walk))
		return -EBADMSG;
	while (item_more(r, &walk)) {
		struct item item;

		if (item_expect(r, ITEM_UINT, &item) || item.value > UINT8_MAX)
			return -EBADMSG;
		if (*n == room)
			return -E2BIG;
		to[(*n)++] = item.value;
	}
	return 0;
}

/* Bytes are copied behind those of the other arguments; the request is no larger */
static enum nsm_error read_blob(struct call *call, struct item_reader *r,
				const struct argument *argument, struct blob *blob)
{
	uint8_t *to = call->bytes + call->n_bytes;
	size_t room = sizeof(call->bytes) - call->n_bytes;
	enum item_type type;
	int err;

	if (peek(r, &type))
		return NSM_INVALID_OPERATION;
	if (type == ITEM_NULL && argument->optional)
		return item_skip(r) ? NSM_INVALID_OPERATION : NSM_SUCCESS;
	if (type == ITEM_ARRAY)
		err = read_numbers(r, to, room, &blob->size);
	else if (type == ITEM_BYTES || type == ITEM_TEXT)
		err = item_string(r, type, to, room, &blob->size);
	else
		return NSM_INVALID_ARGUMENT;
	if (err)
		return err == -E2BIG ? NSM_INPUT_TOO_LARGE : NSM_INVALID_ARGUMENT;
	if (blob->size > argument->most)
		return NSM_INPUT_TOO_LARGE;
	blob->present = true;
	blob->data = to;
	call->n_bytes += blob->size;
	return NSM_SUCCESS;
}

static enum nsm_error read_value(struct call *call, struct item_reader *r,
				 const struct argument *argument, struct value *value)
{
	struct item item;

	if (value->seen)
		return NSM_INVALID_ARGUMENT;
	value->seen = true;
	if (!argument->number)
		return read_blob(call, r, argument, &value->blob);
	if (item_next(r, &item))
		return NSM_INVALID_OPERATION;
	value->number = item.value;
	return item.type == ITEM_UINT ? NSM_SUCCESS : NSM_INVALID_ARGUMENT;
}

/* A name; what is too long for one is nobody's */
static int read_word(struct item_reader *r, char word[static WORD_MAX + 1])
{
	struct item_reader before = *r;
	size_t n;
	int err;

	err = item_string(r, ITEM_TEXT, (uint8_t *)word, WORD_MAX, &n);
	if (err == -E2BIG) {
		*r = before;
		n = 0;
		err = item_skip(r);
	}
	if (err)
		return err;
	word[n] = '\0';
	return strlen(word) == n ? 0 : -EBADMSG;
}

static enum nsm_error read_arguments(struct call *call, struct item_reader *r,
				     const struct operation *op)
{
	struct item_walk walk;
	enum nsm_error error = NSM_SUCCESS;

	if (item_open(r, ITEM_MAP, &walk))
		return NSM_INVALID_ARGUMENT;
	while (!error && item_more(r, &walk)) {
		char word[WORD_MAX + 1];
		unsigned int i = 0;

		if (read_word(r, word))
			return NSM_INVALID_ARGUMENT;
		while (i < ARGUMENTS_MAX && op->arguments[i].name &&
		       strcmp(op->arguments[i].name, word))
			i++;
		if (i < ARGUMENTS_MAX && op->arguments[i].name)
			error = read_value(call, r, &op->arguments[i], &call->values[i]);
		else if (item_skip(r))
			return NSM_INVALID_OPERATION;
	}
	return error;
}

static enum nsm_error has_all(const struct call *call, const struct operation *op)
{
	for (unsigned int i = 0; i < ARGUMENTS_MAX && op->arguments[i].name; i++)
		if (!call->values[i].seen && !op->arguments[i].optional)
			return NSM_INVALID_ARGUMENT;
	return NSM_SUCCESS;
}

static const struct operation *find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

/* A name alone, or the only key of a map; null is no argument as well */
static enum nsm_error read_request(struct call *call, struct item_reader *r,
				   const struct operation **op)
{
	struct item_walk walk = {};
	char word[WORD_MAX + 1];
	enum nsm_error error = NSM_SUCCESS;
	enum item_type type;
	bool alone;

	if (peek(r, &type))
		return NSM_INVALID_OPERATION;
	alone = type == ITEM_TEXT;
	if (!alone && (item_open(r, ITEM_MAP, &walk) || !item_more(r, &walk)))
		return NSM_INVALID_OPERATION;
	if (read_word(r, word))
		return NSM_INVALID_OPERATION;
	*op = find(word);
	if (!*op)
		return NSM_INVALID_OPERATION;
	if (!alone) {
		if (peek(r, &type))
			return NSM_INVALID_OPERATION;
		if (type == ITEM_NULL && !(*op)->arguments[0].name)
			error = item_skip(r) ? NSM_INVALID_OPERATION : NSM_SUCCESS;
		else
			error = read_arguments(call, r, *op);
	} else if ((*op)->arguments[0].name) {
		return NSM_INVALID_ARGUMENT;
	}
	if (error)
		return error;
	if ((!alone && item_more(r, &walk)) || r->n)
		return NSM_INVALID_OPERATION;
	return has_all(call, *op);
}

static enum nsm_error run(struct nsm *nsm, const void *request, size_t size,
			  struct item_writer *w)
{
	struct item_reader r = { .p = request, .n = size };
	struct call call = { .nsm = nsm, .w = w };
	const struct operation *op;
	enum nsm_error error;

	if (size > NSM_REQUEST_MAX)
		return NSM_INPUT_TOO_LARGE;
	error = read_request(&call, &r, &op);
	if (!error)
		error = op->run(&call);
	return !error && w->full ? NSM_BUFFER_TOO_SMALL : error;
}

/**
 * nsm_answer - answer a request
 * @nsm: the module
 * @request: the request, as the enclave sent it
 * @size: its length
 * @response: receives the response
 * @room: how much fits
 *
 * Context: one call at a time for a module; the request may be hostile.
 * Return: length of the response, 0 where not even an error fits.
 */
size_t nsm_answer(struct nsm *nsm, const void *request, size_t size, void *response, size_t room)
{
	struct item_writer w = { .data = response, .room = room };
	enum nsm_error error;

	error = run(nsm, request, size, &w);
	if (!error)
		return w.n;
	w = (struct item_writer){ .data = response, .room = room };
	put_map(&w, 1);
	put_text(&w, "Error");
	put_text(&w, errors[error]);
	return w.full ? 0 : w.n;
}

/**
 * nsm_start - make a module as it is at the enclave's first instruction
 * @nsm: the module
 * @module_id: names the enclave
 * @boot: registers 0 to 15, which are locked
 * @debug: the enclave can be looked into, so these registers are zero
 *
 * Context: any; whoever wants documents sets @attest next.
 */
void nsm_start(struct nsm *nsm, const char *module_id, const struct pcr boot[static PCR_BOOT_COUNT],
	       bool debug)
{
	*nsm = (struct nsm){ .locked = LOCKED_AT_BOOT };
	(void)snprintf(nsm->module_id, sizeof(nsm->module_id), "%s", module_id);
	if (!debug)
		memcpy(nsm->pcrs, boot, PCR_BOOT_COUNT * sizeof(*boot));
}
