// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Nsm: nitrod says which enclaves there are. Nobody else may. */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service.h"

#define CONNECTIONS_MAX 16

static SD_VARLINK_DEFINE_ERROR(Invalid,
	SD_VARLINK_FIELD_COMMENT("One sentence for the user."),
	SD_VARLINK_DEFINE_FIELD(message, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_METHOD(Enrol,
	SD_VARLINK_FIELD_COMMENT("Names the enclave in its documents."),
	SD_VARLINK_DEFINE_INPUT(module_id, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Registers 0 to 15, 96 hexadecimal digits each. What stands for 5 to 7 is replaced by what this host is."),
	SD_VARLINK_DEFINE_INPUT(pcrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("It can be looked into: all registers are zero, and the authority for such enclaves vouches for it."),
	SD_VARLINK_DEFINE_INPUT(debug, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(Host,
	SD_VARLINK_FIELD_COMMENT("The lines that PCR5 is made of."),
	SD_VARLINK_DEFINE_OUTPUT(modules, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The lines that PCR6 is made of."),
	SD_VARLINK_DEFINE_OUTPUT(kernel, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The lines that PCR7 is made of."),
	SD_VARLINK_DEFINE_OUTPUT(cpu, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("PCR5, PCR6 and PCR7."),
	SD_VARLINK_DEFINE_OUTPUT(pcrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Nsm, "io.nitro.Nsm",
	SD_VARLINK_INTERFACE_COMMENT("Who signs the attestation documents of the enclaves of this host."),
	SD_VARLINK_SYMBOL_COMMENT("A value is not valid. Nothing has changed."),
	&vl_error_Invalid,
	SD_VARLINK_SYMBOL_COMMENT("Be the security module of an enclave. A sequential-packet socket goes with the call; the hypervisor has the other end. The enclave is forgotten when that is closed."),
	&vl_method_Enrol,
	SD_VARLINK_SYMBOL_COMMENT("What this host is, as it goes into documents."),
	&vl_method_Host);

static int invalid(sd_varlink *link, const struct why *why)
{
	return sd_varlink_errorbo(link, "io.nitro.Nsm.Invalid",
				  SD_JSON_BUILD_PAIR("message", SD_JSON_BUILD_STRING(why->text)));
}

static int read_pcrs(sd_json_variant *v, struct pcr pcrs[static PCR_BOOT_COUNT], struct why *why)
{
	if (!sd_json_variant_is_array(v) || sd_json_variant_elements(v) != PCR_BOOT_COUNT)
		return refuse(why, "pcrs is no array of %d", PCR_BOOT_COUNT);
	for (unsigned int i = 0; i < PCR_BOOT_COUNT; i++) {
		sd_json_variant *hex = sd_json_variant_by_index(v, i);
		size_t n;

		if (!sd_json_variant_is_string(hex) ||
		    hex_read(sd_json_variant_string(hex), pcrs[i].value, PCR_SIZE, &n) ||
		    n != PCR_SIZE)
			return refuse(why, "PCR%u has not %d hexadecimal digits", i, 2 * PCR_SIZE);
	}
	return 0;
}

/* As in certificates and documents: letters, digits and dashes */
static int check_module_id(const char *id, struct why *why)
{
	size_t n = id ? strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;

	if (!n || id[n] || n > NSM_MODULE_ID_MAX)
		return refuse(why, "module_id is not 1 to %d letters, digits and dashes",
			      NSM_MODULE_ID_MAX);
	return 0;
}

static int check_socket(int fd, struct why *why)
{
	socklen_t n = sizeof(int);
	int type;

	if (fd < 0)
		return refuse(why, "there is no socket with the call");
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET)
		return refuse(why, "what came with the call is no sequential-packet socket");
	return 0;
}

static int enrol(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata)
{
	sd_json_variant *id = sd_json_variant_by_key(parameters, "module_id");
	sd_json_variant *debug = sd_json_variant_by_key(parameters, "debug");
	const char *module_id = id && sd_json_variant_is_string(id) ? sd_json_variant_string(id) : NULL;
	struct pcr pcrs[PCR_BOOT_COUNT];
	struct service *s = userdata;
	int fd = sd_varlink_take_fd(link, 0);
	struct why why;
	int r;

	(void)flags;
	r = check_module_id(module_id, &why);
	if (!r)
		r = read_pcrs(sd_json_variant_by_key(parameters, "pcrs"), pcrs, &why);
	if (!r)
		r = check_socket(fd, &why);
	if (!r)
		r = enclave_add(s, module_id, pcrs, debug && sd_json_variant_boolean(debug), fd,
				&why);
	if (r) {
		if (fd >= 0)
			close(fd);
		return invalid(link, &why);
	}
	printf("enclave '%s' enrolled, %u in all\n", module_id, s->n);
	(void)fflush(stdout);
	return sd_varlink_reply(link, NULL);
}

static int host(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	const struct service *s = userdata;
	char hex[3][PCR_HEX_SIZE];

	(void)parameters;
	(void)flags;
	for (int i = 0; i < 3; i++)
		pcr_hex(&s->host.pcrs[i], hex[i]);
	return sd_varlink_replybo(link,
		SD_JSON_BUILD_PAIR("modules", SD_JSON_BUILD_STRING(s->host.modules)),
		SD_JSON_BUILD_PAIR("kernel", SD_JSON_BUILD_STRING(s->host.kernel)),
		SD_JSON_BUILD_PAIR("cpu", SD_JSON_BUILD_STRING(s->host.cpu)),
		SD_JSON_BUILD_PAIR("pcrs", SD_JSON_BUILD_ARRAY(SD_JSON_BUILD_STRING(hex[0]),
							       SD_JSON_BUILD_STRING(hex[1]),
							       SD_JSON_BUILD_STRING(hex[2]))));
}

/* The socket's mode says the same; this holds if somebody changes the mode */
static int on_connect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	uid_t uid;

	(void)server;
	(void)userdata;
	if (sd_varlink_get_peer_uid(link, &uid) < 0 || (uid && uid != geteuid()))
		return -EPERM;
	return sd_varlink_set_allow_fd_passing_input(link, true);
}

/**
 * enrol_start - let nitrod enrol enclaves
 * @s: the service
 * @path: where to listen, NULL for the socket that systemd hands over
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int enrol_start(struct service *s, const char *path)
{
	int r;

	r = sd_varlink_server_new(&s->server, SD_VARLINK_SERVER_INHERIT_USERDATA);
	if (r < 0)
		return r;
	sd_varlink_server_set_userdata(s->server, s);
	(void)sd_varlink_server_set_connections_max(s->server, CONNECTIONS_MAX);
	(void)sd_varlink_server_set_info(s->server, "Nitro", "nitro-nsm", NITRO_VERSION, NULL);
	r = sd_varlink_server_add_interface(s->server, &vl_interface_io_nitro_Nsm);
	if (r >= 0)
		r = sd_varlink_server_bind_method_many(s->server, "io.nitro.Nsm.Enrol", enrol,
						       "io.nitro.Nsm.Host", host);
	if (r >= 0)
		r = sd_varlink_server_bind_connect(s->server, on_connect);
	if (r >= 0 && path) {
		r = sd_varlink_server_listen_address(s->server, path, 0600);
	} else if (r >= 0) {
		r = sd_varlink_server_listen_auto(s->server);
		if (!r)
			r = -ENOTCONN;
	}
	return r < 0 ? r : sd_varlink_server_attach_event(s->server, s->event, 0);
}

/**
 * enrol_stop - stop listening
 * @s: the service
 *
 * Context: when it ends.
 */
void enrol_stop(struct service *s)
{
	sd_varlink_server_unref(s->server);
}
