// SPDX-License-Identifier: GPL-2.0
/*
 * io.nitro.Services: what nitro-services may do, on a socket of its own. It parses
 * what guests send, so it gets to see the ENIs of this host and nothing else.
 */

#include <pwd.h>
#include <stdio.h>

#include "services.h"
#include "varlink.h"

#define USER "nitro-services"
#define CONNECTIONS_MAX 16

static const struct varlink_property named[] = {
	PROPERTY("id", STRING, 0, "ID."),
	PROPERTY("name", STRING, 0, "Name."),
	{}
};

static const struct varlink_property block[] = {
	PROPERTY("id", STRING, 0, "ID."),
	PROPERTY("name", STRING, 0, "Name."),
	PROPERTY("cidrs", STRING, P_ARRAY, "CIDR blocks."),
	{}
};

static const struct varlink_property eni[] = {
	PROPERTY("service", INT, 0,
		 "Number of the ENI at the service port, part of its address there."),
	PROPERTY("id", STRING, 0, "ID of the ENI."),
	PROPERTY("name", STRING, 0, "Name of the ENI."),
	PROPERTY("mac", STRING, 0, "MAC address."),
	PROPERTY("ips", STRING, P_ARRAY, "Addresses and delegated prefixes."),
	PROPERTY_OF("subnet", "Block", 0, "Its subnet."),
	PROPERTY_OF("vpc", "Block", 0, "Its VPC."),
	PROPERTY_OF("security_groups", "Named", P_ARRAY, "Its security groups."),
	PROPERTY("metadata", STRING, 0, "on, v1 or off."),
	PROPERTY("hop_limit", INT, 0, "Hops that the answer with a token may go."),
	PROPERTY("mtu", INT, 0, "MTU of its link."),
	PROPERTY("domain", STRING, P_NULLABLE, "Domain name of the VPC."),
	PROPERTY("dns_servers", STRING, P_ARRAY, "Resolvers instead of the VPC's own."),
	PROPERTY("ntp_servers", STRING, P_ARRAY, "Time servers instead of the card's."),
	PROPERTY("instance", OBJECT, P_NULLABLE,
		 "{id, name, …} of who holds it, null if nobody does."),
	{}
};

static const struct varlink_property neighbour[] = {
	PROPERTY("id", STRING, 0, "ID of the ENI."),
	PROPERTY("name", STRING, 0, "Name of the ENI."),
	PROPERTY("vpc", STRING, 0, "ID of its VPC."),
	PROPERTY("ips", STRING, P_ARRAY, "Addresses."),
	{}
};

static const struct varlink_type types[] = {
	{ "Named", "An object.", named },
	{ "Block", "A subnet or VPC.", block },
	{ "Eni", "An ENI of this host.", eni },
	{ "Neighbour", "An ENI of another host, in a VPC that has ENIs of this one.", neighbour },
	{}
};

static const struct varlink_property open_results[] = {
	PROPERTY("created", BOOL, P_RESULT, "It was not there before."),
	{}
};

static const struct varlink_property watch_results[] = {
	PROPERTY_OF("enis", "Eni", P_RESULT | P_ARRAY, "ENIs that are new or have changed."),
	PROPERTY("gone", INT, P_RESULT | P_ARRAY, "Numbers that have no ENI any more."),
	PROPERTY_OF("neighbours", "Neighbour", P_RESULT | P_ARRAY,
		    "Neighbours that are new or have changed."),
	PROPERTY("neighbours_gone", STRING, P_RESULT | P_ARRAY,
		 "IDs that are no neighbours any more."),
	PROPERTY("complete", BOOL, P_RESULT, "All ENIs are known now."),
	{}
};

static int serve_open(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
		      void *userdata)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	_cleanup_error_ struct error e = {};
	_cleanup_close_ int fd = sd_varlink_take_fd(link, 0);
	bool created;
	int r;

	(void)p;
	(void)flags;
	if (fd < 0)
		r = fail(&e, ERR_INVALID, "no network namespace was sent along");
	else
		r = services_open(userdata, fd, &created, &e);
	if (r < 0)
		return varlink_fail(link, &e);
	json_set_bool(&v, "created", created);
	return sd_varlink_reply(link, v);
}

static int serve_watch(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
		       void *userdata)
{
	_cleanup_error_ struct error e = {};

	(void)p;
	if (!(flags & SD_VARLINK_METHOD_MORE))
		return sd_varlink_error(link, "org.varlink.service.ExpectedMore", NULL);
	return services_watch(userdata, link, &e) < 0 ? varlink_fail(link, &e) : 0;
}

static const struct varlink_method methods[] = {
	{ .name = "Open", .parameters = open_results, .serve = serve_open, .reads = true,
	  .text = "Make the service port in the network namespace whose file descriptor comes along." },
	{ .name = "Watch", .parameters = watch_results, .flags = SD_VARLINK_REQUIRES_MORE,
	  .serve = serve_watch, .reads = true, .text = "All ENIs of this host and their neighbours, then what changes." },
	{}
};

static const struct varlink_interface interface = {
	.name = "Services", .kind = KIND_MAX,
	.text = "For nitro-services, which answers the guests of this host.",
	.types = types, .methods = methods,
};

static uid_t allowed_uid = (uid_t)-1;

static int on_connect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	uid_t uid;

	(void)server;
	(void)userdata;
	if (sd_varlink_get_peer_uid(link, &uid) < 0)
		return -EPERM;
	if (uid && uid != geteuid() && uid != allowed_uid)
		return -EPERM;
	return sd_varlink_set_allow_fd_passing_input(link, true);
}

static void on_disconnect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	(void)server;
	services_unwatch(userdata, link);
}

/* Beside nitrod's own socket: nitro.sock, nitro-services.sock */
static char *socket_path(const struct manager *m)
{
	size_t len = strlen(m->socket_path);

	if (len > 5 && !strcmp(m->socket_path + len - 5, ".sock"))
		len -= 5;
	return xprintf("%.*s-services.sock", (int)len, m->socket_path);
}

static int listen_on(struct manager *m)
{
	_cleanup_free_ char *path = socket_path(m);
	struct passwd *user = getpwnam(USER);
	int r;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	r = sd_varlink_server_listen_address(m->services, path, 0600);
	if (r < 0 || !user)
		return r;
	allowed_uid = user->pw_uid;
	return chown(path, allowed_uid, (gid_t)-1) < 0 ? -errno : 0;
}

/**
 * services_start - listen for nitro-services
 * @m: the manager
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int services_start(struct manager *m)
{
	static const sd_varlink_interface *definition;
	int r;

	r = sd_varlink_server_new(&m->services, SD_VARLINK_SERVER_INHERIT_USERDATA);
	if (r < 0)
		return r;
	sd_varlink_server_set_userdata(m->services, m);
	(void)sd_varlink_server_set_connections_max(m->services, CONNECTIONS_MAX);
	(void)sd_varlink_server_set_info(m->services, "Nitro", "nitrod", NITRO_VERSION, NULL);
	r = varlink_add_errors(m->services);
	if (r >= 0)
		r = varlink_add_interface(m->services, &interface, &definition);
	if (r < 0)
		return r;
	(void)sd_varlink_server_bind_connect(m->services, on_connect);
	(void)sd_varlink_server_bind_disconnect(m->services, on_disconnect);
	r = listen_on(m);
	return r < 0 ? r : sd_varlink_server_attach_event(m->services, m->event, 0);
}
