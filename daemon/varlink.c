// SPDX-License-Identifier: GPL-2.0
/*
 * The Varlink server: who may connect, what is served, how errors go out.
 */

#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "instances.h"
#include "memory.h"
#include "varlink.h"

#define CONNECTIONS_MAX 256
#define GROUP "nitro"

static const struct varlink_interface *const interfaces[] = {
	&varlink_host, &varlink_vpc, &varlink_subnet, &varlink_route_table,
	&varlink_prefix_list, &varlink_security_group, &varlink_eni, &varlink_network,
	&varlink_key, &varlink_pool, &varlink_volume, &varlink_instance,
	&varlink_hardening, &varlink_memory, &varlink_enclave,
};

/* Made once; they live as long as the process */
static const sd_varlink_interface *definitions[ARRAY_SIZE(interfaces)];

#define MESSAGE \
	SD_VARLINK_FIELD_COMMENT("One sentence for the user."), \
	SD_VARLINK_DEFINE_FIELD(message, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("Line of the stack file that is at fault, if there is one."), \
	SD_VARLINK_DEFINE_FIELD(line, SD_VARLINK_INT, SD_VARLINK_NULLABLE)

static SD_VARLINK_DEFINE_ERROR(NotFound,
	SD_VARLINK_FIELD_COMMENT("Kind of the object."),
	SD_VARLINK_DEFINE_FIELD(kind, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The name or ID that was given."),
	SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	MESSAGE);
static SD_VARLINK_DEFINE_ERROR(Invalid, MESSAGE);
static SD_VARLINK_DEFINE_ERROR(InUse, MESSAGE,
	SD_VARLINK_FIELD_COMMENT("What uses it: kind and name of each."),
	SD_VARLINK_DEFINE_FIELD(users, SD_VARLINK_STRING, SD_VARLINK_ARRAY));
static SD_VARLINK_DEFINE_ERROR(Exists, MESSAGE);
static SD_VARLINK_DEFINE_ERROR(Failed, MESSAGE);
static SD_VARLINK_DEFINE_ERROR(Ambiguous, MESSAGE);

static SD_VARLINK_DEFINE_INTERFACE(io_nitro, "io.nitro",
	SD_VARLINK_INTERFACE_COMMENT("The errors that the methods of all io.nitro.* interfaces end with. A method that ends with an error has changed nothing."),
	SD_VARLINK_SYMBOL_COMMENT("There is no such object."),
	&vl_error_NotFound,
	SD_VARLINK_SYMBOL_COMMENT("A value, or the state that the change would lead to, is not valid."),
	&vl_error_Invalid,
	SD_VARLINK_SYMBOL_COMMENT("The object cannot be deleted because others use it."),
	&vl_error_InUse,
	SD_VARLINK_SYMBOL_COMMENT("There is such an object already."),
	&vl_error_Exists,
	SD_VARLINK_SYMBOL_COMMENT("The kernel or the store refused, or something has run out."),
	&vl_error_Failed,
	SD_VARLINK_SYMBOL_COMMENT("The name exists in several VPCs."),
	&vl_error_Ambiguous);

static const char *const error_ids[] = {
	[ERR_NOT_FOUND] = "io.nitro.NotFound",
	[ERR_INVALID] = "io.nitro.Invalid",
	[ERR_IN_USE] = "io.nitro.InUse",
	[ERR_EXISTS] = "io.nitro.Exists",
	[ERR_FAILED] = "io.nitro.Failed",
	[ERR_AMBIGUOUS] = "io.nitro.Ambiguous",
};

/**
 * varlink_add_errors - serve the definition of the errors
 * @server: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_add_errors(sd_varlink_server *server)
{
	return sd_varlink_server_add_interface(server, &vl_interface_io_nitro);
}

/**
 * varlink_reply - answer with results
 * @link: the connection
 * @v: the results
 *
 * A flow table or an exported stack may be more than a message of Varlink can hold.
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_reply(sd_varlink *link, sd_json_variant *v)
{
	_cleanup_error_ struct error e = {};
	int r = sd_varlink_reply(link, v);

	if (r != -ENOBUFS)
		return r;
	fail(&e, ERR_FAILED, "the answer is longer than the 16 MiB that a reply may have");
	return varlink_fail(link, &e);
}

/**
 * varlink_fail - answer with an error
 * @link: the connection
 * @e: the error
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_fail(sd_varlink *link, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	enum error_code code = e->code ? e->code : ERR_FAILED;
	const char *message = e->message ? e->message : "nitrod failed";

	if (e->line) {
		_cleanup_free_ char *with_line = xprintf("line %u: %s", e->line, message);

		json_set_string(&v, "message", with_line);
		json_set_uint(&v, "line", e->line);
	} else {
		json_set_string(&v, "message", message);
	}
	if (code == ERR_NOT_FOUND) {
		json_set_string(&v, "kind", e->kind);
		json_set_string(&v, "name", e->name);
	}
	if (code == ERR_IN_USE)
		json_set(&v, "users", json_from_strings(&e->users));
	return sd_varlink_error(link, error_ids[code], v);
}

/* Looked up once at start: the name service may block */
static gid_t allowed_gid = (gid_t)-1;

static bool has_group(int fd, gid_t gid)
{
	gid_t groups[1024];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* The socket's mode says the same; this holds if somebody changes the mode */
static int on_connect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	uid_t uid;
	gid_t gid;

	(void)server;
	(void)userdata;
	if (sd_varlink_get_peer_uid(link, &uid) < 0)
		return -EPERM;
	/* the data key of a volume comes as a pipe, the console of an instance goes as a socket */
	(void)sd_varlink_set_allow_fd_passing_input(link, true);
	(void)sd_varlink_set_allow_fd_passing_output(link, true);
	if (!uid || uid == geteuid())
		return 0;
	if (allowed_gid == (gid_t)-1)
		return -EPERM;
	if (sd_varlink_get_peer_gid(link, &gid) >= 0 && gid == allowed_gid)
		return 0;
	return has_group(sd_varlink_get_fd(link), allowed_gid) ? 0 : -EPERM;
}

static void on_disconnect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	struct manager *m = userdata;

	(void)server;
	varlink_list_stop(m, link);
	instances_forget(m, link);
	memory_forget(m, link);
	for (size_t i = 0; i < m->n_monitors; i++) {
		if (m->monitors[i] != link)
			continue;
		m->monitors[i] = m->monitors[--m->n_monitors];
		sd_varlink_unref(link);
		return;
	}
}

static int listen_on(struct manager *m)
{
	struct group *group = getgrnam(GROUP);
	int r;

	if (unlink(m->socket_path) < 0 && errno != ENOENT)
		return -errno;
	r = sd_varlink_server_listen_address(m->server, m->socket_path, 0660);
	if (r < 0)
		return r;
	if (!group)
		return 0;
	allowed_gid = group->gr_gid;
	return chown(m->socket_path, (uid_t)-1, allowed_gid) < 0 ? -errno : 0;
}

/**
 * varlink_start - serve
 * @m: the manager
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_start(struct manager *m)
{
	int r;

	r = sd_varlink_server_new(&m->server, SD_VARLINK_SERVER_INHERIT_USERDATA);
	if (r < 0)
		return r;
	sd_varlink_server_set_userdata(m->server, m);
	(void)sd_varlink_server_set_connections_max(m->server, CONNECTIONS_MAX);
	(void)sd_varlink_server_set_info(m->server, "Nitro", "nitrod", NITRO_VERSION, NULL);
	r = varlink_add_errors(m->server);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(interfaces); i++)
		r = varlink_add_interface(m->server, interfaces[i], &definitions[i]);
	if (r < 0)
		return r;
	(void)sd_varlink_server_bind_connect(m->server, on_connect);
	(void)sd_varlink_server_bind_disconnect(m->server, on_disconnect);
	r = listen_on(m);
	if (r < 0)
		return r;
	return sd_varlink_server_attach_event(m->server, m->event, 0);
}
