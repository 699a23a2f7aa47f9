// SPDX-License-Identifier: GPL-2.0
/*
 * io.nitro.Kms: the operator makes keys and encrypts with them. Decrypting is not among it:
 * for that everybody asks the key's policy, which cannot be changed.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "context.h"
#include "manage.h"
#include "policy.h"
#include "request.h"

#define CONNECTIONS_MAX 16

static SD_VARLINK_DEFINE_ERROR(Invalid,
	SD_VARLINK_FIELD_COMMENT("One sentence for the user."),
	SD_VARLINK_DEFINE_FIELD(message, SD_VARLINK_STRING, 0));

#define KEY_FIELDS(direction) \
	SD_VARLINK_FIELD_COMMENT("ID of the key, a UUID."), \
	direction(id, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("Its name, which is its alias for AWS's tools."), \
	direction(name, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("Always 'available'."), \
	direction(state, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("When it was made, in seconds since 1970."), \
	direction(created, SD_VARLINK_INT, 0), \
	SD_VARLINK_FIELD_COMMENT("Number of the version that encrypts, 1 before it is rotated."), \
	direction(version, SD_VARLINK_INT, 0), \
	SD_VARLINK_FIELD_COMMENT("When that version was made."), \
	direction(rotated, SD_VARLINK_INT, 0)

static SD_VARLINK_DEFINE_STRUCT_TYPE(Key, KEY_FIELDS(SD_VARLINK_DEFINE_FIELD));

static SD_VARLINK_DEFINE_METHOD(CreateKey,
	SD_VARLINK_FIELD_COMMENT("Letters, digits, '-', '_' and '.', 64 at most."),
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Who may do what with the key: JSON in AWS's policy language."),
	SD_VARLINK_DEFINE_INPUT(policy, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(key, Key, 0));

static SD_VARLINK_DEFINE_METHOD(Encrypt,
	SD_VARLINK_FIELD_COMMENT("Name or ID of the key."),
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("What is encrypted, 1 to 4096 bytes in base64."),
	SD_VARLINK_DEFINE_INPUT(plaintext, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The EncryptionContext that Decrypt has to be asked with, none by default."),
	SD_VARLINK_DEFINE_INPUT(context, SD_VARLINK_STRING, SD_VARLINK_MAP | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("What Decrypt takes as CiphertextBlob."),
	SD_VARLINK_DEFINE_OUTPUT(ciphertext, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_METHOD(List,
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(keys, Key, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(Show,
	SD_VARLINK_FIELD_COMMENT("Name or ID of the key."),
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(key, Key, 0),
	SD_VARLINK_FIELD_COMMENT("Its policy."),
	SD_VARLINK_DEFINE_OUTPUT(policy, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_METHOD(Rotate,
	SD_VARLINK_FIELD_COMMENT("Name or ID of the key."),
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(key, Key, 0));

static SD_VARLINK_DEFINE_METHOD(Delete,
	SD_VARLINK_FIELD_COMMENT("Name or ID of the key."),
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Kms, "io.nitro.Kms",
	SD_VARLINK_INTERFACE_COMMENT("Keys that are used for enclaves that prove what they are."),
	SD_VARLINK_SYMBOL_COMMENT("A value is not valid. Nothing has changed."),
	&vl_error_Invalid,
	SD_VARLINK_SYMBOL_COMMENT("A key."),
	&vl_type_Key,
	SD_VARLINK_SYMBOL_COMMENT("Make a key. Its policy is for life: who may use it is known to all who have seen it."),
	&vl_method_CreateKey,
	SD_VARLINK_SYMBOL_COMMENT("Encrypt something with a key."),
	&vl_method_Encrypt,
	SD_VARLINK_SYMBOL_COMMENT("All keys, by name."),
	&vl_method_List,
	SD_VARLINK_SYMBOL_COMMENT("One key and its policy."),
	&vl_method_Show,
	SD_VARLINK_SYMBOL_COMMENT("Encrypt with a new version of a key from now on. What was encrypted before can be decrypted as before."),
	&vl_method_Rotate,
	SD_VARLINK_SYMBOL_COMMENT("Erase a key, at once and for good, and with it what was encrypted with it."),
	&vl_method_Delete);

static int invalid(sd_varlink *link, int error, const struct why *why)
{
	return sd_varlink_errorbo(link, error == -ENOENT ? "io.nitro.NotFound" : "io.nitro.Kms.Invalid",
				  SD_JSON_BUILD_PAIR("message", SD_JSON_BUILD_STRING(why->text)));
}

static const char *text_of(sd_json_variant *parameters, const char *name)
{
	sd_json_variant *v = sd_json_variant_by_key(parameters, name);

	return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : NULL;
}

static uid_t caller(sd_varlink *link)
{
	uid_t uid = (uid_t)-1;

	(void)sd_varlink_get_peer_uid(link, &uid);
	return uid;
}

static int find(struct kms *kms, sd_json_variant *parameters, struct key *key, struct why *why)
{
	const char *name = text_of(parameters, "name");

	return name ? store_key_get(kms->store, name, key, why) : refuse(why, "there is no name");
}

static int describe(const struct key *key, sd_json_variant **ret)
{
	return sd_json_buildo(ret,
		SD_JSON_BUILD_PAIR("id", SD_JSON_BUILD_STRING(key->id)),
		SD_JSON_BUILD_PAIR("name", SD_JSON_BUILD_STRING(key->name)),
		SD_JSON_BUILD_PAIR("state", SD_JSON_BUILD_STRING("available")),
		SD_JSON_BUILD_PAIR("created", SD_JSON_BUILD_INTEGER(key->created)),
		SD_JSON_BUILD_PAIR("version", SD_JSON_BUILD_UNSIGNED(key->version.number)),
		SD_JSON_BUILD_PAIR("rotated", SD_JSON_BUILD_INTEGER(key->version.created)));
}

/* A name is no ID, so that nobody can make one that stands for another key */
static int check_name(const char *name, struct why *why)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = name ? strspn(name, good) : 0;

	if (!n || name[n] || n > KEY_NAME_MAX)
		return refuse(why, "a name has 1 to %d letters, digits, '-', '_' and '.'",
			      KEY_NAME_MAX);
	if (n == KEY_ID_SIZE - 1 && name[8] == '-' && name[13] == '-' && name[18] == '-' &&
	    name[23] == '-')
		return refuse(why, "'%s' looks like an ID", name);
	return 0;
}

static int new_key(struct kms *kms, sd_json_variant *parameters, struct key *key, struct why *why)
{
	const char *name = text_of(parameters, "name"), *policy = text_of(parameters, "policy");
	int r = check_name(name, why);

	if (r)
		return r;
	if (!policy || strlen(policy) > POLICY_MAX)
		return refuse(why, "a policy has 1 to %d bytes", POLICY_MAX);
	r = policy_check(policy, why);
	if (r)
		return r;
	memcpy(key->name, name, strlen(name) + 1);
	key->policy = strdup(policy);
	if (!key->policy)
		return refuse_error(why, ENOMEM, "cannot make a key");
	r = key_make(kms, key, why);
	return r ?: store_key_add(kms->store, key, why);
}

/* What became of a change to a key, which is cleared */
static int reply_changed(sd_varlink *link, const char *action, struct key *key, int error,
			 const struct why *why)
{
	_cleanup_json_ sd_json_variant *described = NULL;
	int r = 0;

	if (!error) {
		audit_managed(action, key, caller(link));
		r = describe(key, &described);
	}
	key_clear(key);
	if (error)
		return invalid(link, error, why);
	return r < 0 ? r : sd_varlink_replybo(link,
		SD_JSON_BUILD_PAIR("key", SD_JSON_BUILD_VARIANT(described)));
}

static int create_key(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	struct key key = {};
	struct why why;
	int r;

	(void)flags;
	r = new_key(userdata, parameters, &key, &why);
	return reply_changed(link, "CreateKey", &key, r, &why);
}

/* Return: its text, to be freed; NULL if it is none */
static char *read_context(sd_json_variant *parameters, struct why *why)
{
	_cleanup_json_ sd_json_variant *context = NULL;
	char *text = NULL;

	if (context_read(sd_json_variant_by_key(parameters, "context"), &context, why))
		return NULL;
	if (context_text(context, &text) < 0)
		(void)refuse_error(why, ENOMEM, "cannot read EncryptionContext");
	return text;
}

static int encrypt_with(struct kms *kms, const struct key *key, sd_json_variant *parameters,
			uint8_t sealed[static CIPHERTEXT_MAX], size_t *ret_size, struct why *why)
{
	sd_json_variant *v = sd_json_variant_by_key(parameters, "plaintext");
	_cleanup_free_ char *context = read_context(parameters, why);
	void *plain = NULL;
	size_t size;
	int r;

	if (!context)
		return -EINVAL;
	if (!v || !sd_json_variant_is_string(v) || sd_json_variant_unbase64(v, &plain, &size) < 0)
		return refuse(why, "the plaintext is not base64");
	if (!size || size > PLAINTEXT_MAX)
		r = refuse(why, "there are %zu bytes to encrypt, not 1 to %d", size, PLAINTEXT_MAX);
	else if (key_encrypt(kms, key, context, plain, size, sealed, ret_size))
		r = refuse(why, "key '%s' cannot be unwrapped", key->name);
	else
		r = 0;
	OPENSSL_cleanse(plain, size);
	free(plain);
	return r;
}

static int encrypt(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	uint8_t sealed[CIPHERTEXT_MAX];
	struct kms *kms = userdata;
	struct key key = {};
	struct why why;
	size_t size;
	int r;

	(void)flags;
	sd_json_variant_sensitive(parameters);
	r = find(kms, parameters, &key, &why);
	if (!r)
		r = encrypt_with(kms, &key, parameters, sealed, &size, &why);
	if (!r)
		audit_managed("Encrypt", &key, caller(link));
	key_clear(&key);
	return r ? invalid(link, r, &why) : sd_varlink_replybo(link,
		SD_JSON_BUILD_PAIR("ciphertext", SD_JSON_BUILD_BASE64(sealed, size)));
}

static int add_to_list(const struct key *key, void *userdata)
{
	_cleanup_json_ sd_json_variant *described = NULL;
	int r = describe(key, &described);

	return r < 0 ? r : sd_json_variant_append_array(userdata, described);
}

static int list(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	_cleanup_json_ sd_json_variant *keys = NULL;
	struct kms *kms = userdata;
	struct why why;
	int r;

	(void)parameters;
	(void)flags;
	r = sd_json_variant_new_array(&keys, NULL, 0);
	if (r < 0)
		return r;
	r = store_keys(kms->store, add_to_list, &keys, &why);
	return r < 0 ? invalid(link, r, &why) : sd_varlink_replybo(link,
		SD_JSON_BUILD_PAIR("keys", SD_JSON_BUILD_VARIANT(keys)));
}

static int show(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	_cleanup_json_ sd_json_variant *described = NULL;
	struct key key = {};
	struct why why;
	int r;

	(void)flags;
	r = find(userdata, parameters, &key, &why);
	if (r)
		return invalid(link, r, &why);
	r = describe(&key, &described);
	if (r >= 0)
		r = sd_varlink_replybo(link,
			SD_JSON_BUILD_PAIR("key", SD_JSON_BUILD_VARIANT(described)),
			SD_JSON_BUILD_PAIR("policy", SD_JSON_BUILD_STRING(key.policy)));
	key_clear(&key);
	return r;
}

static int rotate(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		  void *userdata)
{
	struct kms *kms = userdata;
	struct key key = {};
	struct why why;
	int r;

	(void)flags;
	r = find(kms, parameters, &key, &why);
	if (!r)
		r = key_rotate(kms, &key, &why);
	return reply_changed(link, "Rotate", &key, r, &why);
}

static int delete(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		  void *userdata)
{
	struct kms *kms = userdata;
	struct key key = {};
	struct why why;
	int r;

	(void)flags;
	r = find(kms, parameters, &key, &why);
	if (!r)
		r = store_key_delete(kms->store, key.id, &why);
	if (!r)
		audit_managed("Delete", &key, caller(link));
	key_clear(&key);
	return r ? invalid(link, r, &why) : sd_varlink_reply(link, NULL);
}

/* The socket's mode says the same; this holds if somebody changes the mode */
static int on_connect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	uid_t uid;

	(void)server;
	(void)userdata;
	return sd_varlink_get_peer_uid(link, &uid) < 0 || (uid && uid != geteuid()) ? -EPERM : 0;
}

/**
 * manage_start - let the operator manage keys, over the socket that systemd hands over
 * @kms: the service
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int manage_start(struct kms *kms)
{
	int r;

	r = sd_varlink_server_new(&kms->server, SD_VARLINK_SERVER_INHERIT_USERDATA |
						SD_VARLINK_SERVER_INPUT_SENSITIVE);
	if (r < 0)
		return r;
	sd_varlink_server_set_userdata(kms->server, kms);
	(void)sd_varlink_server_set_connections_max(kms->server, CONNECTIONS_MAX);
	(void)sd_varlink_server_set_info(kms->server, "Nitro", "nitro-kms", NITRO_VERSION, NULL);
	r = sd_varlink_server_add_interface(kms->server, &vl_interface_io_nitro_Kms);
	if (r >= 0)
		r = sd_varlink_server_bind_method_many(kms->server,
						       "io.nitro.Kms.CreateKey", create_key,
						       "io.nitro.Kms.Encrypt", encrypt,
						       "io.nitro.Kms.List", list,
						       "io.nitro.Kms.Show", show,
						       "io.nitro.Kms.Rotate", rotate,
						       "io.nitro.Kms.Delete", delete);
	if (r >= 0)
		r = sd_varlink_server_bind_connect(kms->server, on_connect);
	if (r >= 0)
		r = sd_varlink_server_listen_auto(kms->server);
	if (!r)
		r = -ENOTCONN;
	return r < 0 ? r : sd_varlink_server_attach_event(kms->server, kms->event, 0);
}

/**
 * manage_stop - stop listening
 * @kms: the service
 *
 * Context: when it ends.
 */
void manage_stop(struct kms *kms)
{
	sd_varlink_server_unref(kms->server);
}
