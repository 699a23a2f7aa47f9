// SPDX-License-Identifier: GPL-2.0
/* The one way to nitrod: Varlink over its socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

/* A stack of a hundred thousand objects takes its time; a dead nitrod closes
 * the connection, so that this only bounds a hanging one.
 */
#define CALL_TIMEOUT_USEC (10ULL * 60 * 1000 * 1000)

/**
 * client_socket() - Where nitrod listens
 * @option: what --socket says, or NULL
 *
 * Context: Any.
 * Return: the path.
 */
const char *client_socket(const char *option)
{
	const char *path = option ?: secure_getenv("NITRO_SOCKET");

	return path && *path ? path : CLIENT_SOCKET;
}

static const char *module_hint(void)
{
	if (access("/sys/module/nitro_vpc", F_OK) == 0)
		return "";
	return "; the module nitro_vpc is not loaded either";
}

static int unreachable(const char *socket, int error)
{
	if (error == -EACCES || error == -EPERM)
		return cli_error(EXIT_FAILED,
				 "permission denied at '%s'; run as root or join the group 'nitro'",
				 socket);
	return cli_error(EXIT_FAILED,
			 "cannot reach nitrod at '%s': %s; see 'systemctl status nitrod'%s",
			 socket, strerror(-error), module_hint());
}

/**
 * client_connect() - Connect to nitrod
 * @socket: path of its socket
 * @ret: receives the connection
 *
 * Context: Writes one sentence to stderr on failure.
 * Return: 0, or the exit status.
 */
int client_connect(const char *socket, sd_varlink **ret)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = NULL;
	int r;

	r = sd_varlink_connect_address(&link, socket);
	if (r < 0)
		return unreachable(socket, r);
	r = sd_varlink_set_relative_timeout(link, CALL_TIMEOUT_USEC);
	if (r < 0)
		return cli_failed(r, "cannot set up the connection");
	*ret = link;
	link = NULL;
	return 0;
}

static const char *text_of(sd_json_variant *reply, const char *key)
{
	sd_json_variant *value;

	value = reply ? sd_json_variant_by_key(reply, key) : NULL;
	if (!value || !sd_json_variant_is_string(value))
		return NULL;
	return sd_json_variant_string(value);
}

/* What a method of nitrod failed with where it has no sentence of its own. */
static int system_error(sd_json_variant *reply)
{
	sd_json_variant *value = reply ? sd_json_variant_by_key(reply, "errno") :
					 NULL;
	int error = EIO;

	if (value && sd_json_variant_is_unsigned(value))
		error = (int)(sd_json_variant_unsigned(value) % 4096);
	if (error == ENOBUFS)
		return cli_error(EXIT_FAILED,
				 "the answer is greater than the %u MiB that one may have",
				 CLIENT_MESSAGE_MAX >> 20);
	return cli_error(EXIT_FAILED, "nitrod failed: %s", strerror(error));
}

static int refused(const char *error_id, sd_json_variant *reply)
{
	const char *name = strrchr(error_id, '.');
	const char *what;

	name = name ? name + 1 : error_id;
	if (!strcmp(name, "PermissionDenied"))
		return cli_error(EXIT_FAILED,
				 "permission denied by nitrod; run as root or join the group 'nitro'");
	if (!strcmp(name, "InvalidParameter")) {
		what = text_of(reply, "parameter");
		return cli_error(EXIT_FAILED, "nitrod refuses the value of '%s'",
				 what ?: "?");
	}
	if (!strcmp(name, "MethodNotFound") ||
	    !strcmp(name, "InterfaceNotFound") ||
	    !strcmp(name, "MethodNotImplemented")) {
		what = text_of(reply, "method") ?: text_of(reply, "interface");
		return cli_error(EXIT_FAILED,
				 "nitrod does not know '%s'; is it of the same version as nitroctl?",
				 what ?: "this call");
	}
	if (!strcmp(name, "System"))
		return system_error(reply);
	if (!strcmp(name, "Timeout"))
		return cli_error(EXIT_FAILED, "nitrod does not answer");
	if (!strcmp(name, "Disconnected") || !strcmp(name, "Protocol"))
		return cli_error(EXIT_FAILED,
				 "nitrod closed the connection; see 'journalctl -u nitrod'");
	return cli_error(EXIT_FAILED, "nitrod says '%s'", error_id);
}

/**
 * client_error() - Say what nitrod has against a call
 * @error_id: the Varlink error
 * @reply: its parameters, may be NULL
 *
 * Context: Writes one sentence to stderr.
 * Return: the exit status.
 */
int client_error(const char *error_id, sd_json_variant *reply)
{
	_cleanup_free_ char *message = NULL;
	const char *text = text_of(reply, "message");
	int status = EXIT_FAILED;

	if (strncmp(error_id, "io.nitro.", 9) || !text)
		return refused(error_id, reply);
	if (!strcmp(error_id, "io.nitro.NotFound"))
		status = EXIT_NOT_FOUND;
	message = print_sanitized(text);
	return cli_error(status, "%s", message ?: "out of memory");
}

typedef int (*call_fn)(sd_varlink *link, const char *method,
		       sd_json_variant *parameters, sd_json_variant **ret,
		       const char **ret_error_id);

/* What goes along with a call, and what comes back */
struct fds {
	const int *out;
	size_t n;
	int *in;
};

static int push(sd_varlink *link, const struct fds *fds)
{
	int r = 0;

	if (fds->n)
		r = sd_varlink_set_allow_fd_passing_output(link, true);
	for (size_t i = 0; r >= 0 && i < fds->n; i++)
		r = sd_varlink_push_dup_fd(link, fds->out[i]);
	if (r >= 0 && fds->in)
		r = sd_varlink_set_allow_fd_passing_input(link, true);
	return r < 0 ? cli_failed(r, "cannot send a file descriptor") : 0;
}

static int call(call_fn how, const char *socket, const char *interface,
		const char *method, sd_json_variant *parameters,
		const struct fds *fds, sd_json_variant **ret)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = NULL;
	sd_json_variant *reply = NULL;
	const char *error_id = NULL;
	char name[128];
	int r;

	r = client_connect(socket, &link);
	if (!r)
		r = push(link, fds);
	if (r)
		return r;
	(void)snprintf(name, sizeof(name), "%s.%s", interface, method);
	r = how(link, name, parameters, &reply, &error_id);
	if (r == -EACCES || r == -EPERM)
		return unreachable(socket, r);
	if (r < 0)
		return cli_failed(r, "no answer from nitrod");
	if (error_id)
		return client_error(error_id, reply);
	if (fds->in) {
		*fds->in = sd_varlink_take_fd(link, 0);
		if (*fds->in < 0)
			return cli_failed(*fds->in, "no file descriptor from nitrod");
	}
	*ret = sd_json_variant_ref(reply);
	return 0;
}

/**
 * client_call() - Call a method and wait for its answer
 * @socket: path of nitrod's socket
 * @interface: such as "io.nitro.Vpc"
 * @method: such as "Create"
 * @parameters: the properties, may be NULL
 * @ret: receives the answer
 *
 * Context: Writes one sentence to stderr on failure.
 * Return: 0, or the exit status.
 */
int client_call(const char *socket, const char *interface, const char *method,
		sd_json_variant *parameters, sd_json_variant **ret)
{
	return call(sd_varlink_call, socket, interface, method, parameters,
		    &(struct fds){}, ret);
}

/**
 * client_call_fds() - Call a method and send file descriptors along
 * @socket: path of nitrod's socket
 * @interface: such as "io.nitro.Volume"
 * @method: such as "Create"
 * @parameters: the properties, which name the descriptors by index
 * @fds: the descriptors
 * @n: how many
 * @ret: receives the answer
 *
 * Context: Writes one sentence to stderr on failure.
 * Return: 0, or the exit status.
 */
int client_call_fds(const char *socket, const char *interface,
		    const char *method, sd_json_variant *parameters,
		    const int *fds, size_t n, sd_json_variant **ret)
{
	const struct fds along = { .out = fds, .n = n };

	return call(sd_varlink_call, socket, interface, method, parameters,
		    &along, ret);
}

/**
 * client_call_for_fd() - Call a method whose answer brings a file descriptor
 * @socket: path of nitrod's socket
 * @interface: such as "io.nitro.Instance"
 * @method: such as "Console"
 * @parameters: the properties
 * @ret: receives the answer
 * @ret_fd: receives the descriptor, the caller's
 *
 * Context: Writes one sentence to stderr on failure.
 * Return: 0, or the exit status.
 */
int client_call_for_fd(const char *socket, const char *interface,
		       const char *method, sd_json_variant *parameters,
		       sd_json_variant **ret, int *ret_fd)
{
	const struct fds along = { .in = ret_fd };

	return call(sd_varlink_call, socket, interface, method, parameters,
		    &along, ret);
}

/* The elements of the lists that the replies have under @key, as one list. */
static int join(sd_json_variant *replies, const char *key,
		sd_json_variant **ret)
{
	size_t n = 0, n_replies = sd_json_variant_elements(replies);
	sd_json_variant **all, *part;
	int r;

	for (size_t i = 0; i < n_replies; i++) {
		part = sd_json_variant_by_key(
			sd_json_variant_by_index(replies, i), key);
		if (!part || !sd_json_variant_is_array(part))
			return cli_error(EXIT_FAILED,
					 "nitrod's answer has no %s", key);
		n += sd_json_variant_elements(part);
	}
	all = calloc(n ?: 1, sizeof(*all));
	if (!all)
		return cli_failed(-ENOMEM, "cannot read the answer");
	n = 0;
	for (size_t i = 0; i < n_replies; i++) {
		part = sd_json_variant_by_key(
			sd_json_variant_by_index(replies, i), key);
		for (size_t j = 0; j < sd_json_variant_elements(part); j++)
			all[n++] = sd_json_variant_by_index(part, j);
	}
	r = sd_json_variant_new_array(ret, all, n);
	free(all);
	return r < 0 ? cli_failed(r, "cannot read the answer") : 0;
}

/**
 * client_collect() - Call a method that answers in parts and wait for the last
 * @socket: path of nitrod's socket
 * @interface: such as "io.nitro.Vpc"
 * @method: such as "List"
 * @parameters: the properties, may be NULL
 * @key: where each part has its list
 * @ret: receives the list of all
 *
 * Context: Writes one sentence to stderr on failure.
 * Return: 0, or the exit status.
 */
int client_collect(const char *socket, const char *interface,
		   const char *method, sd_json_variant *parameters,
		   const char *key, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *replies = NULL;
	int r;

	r = call(sd_varlink_collect, socket, interface, method, parameters,
		 &(struct fds){}, &replies);
	return r ?: join(replies, key, ret);
}

struct stream {
	int (*print)(sd_json_variant *reply, void *data);
	void *data;
	int status;
	bool ended;
};

static int on_reply(sd_varlink *link, sd_json_variant *parameters,
		    const char *error_id, sd_varlink_reply_flags_t flags,
		    void *userdata)
{
	struct stream *stream = userdata;

	(void)link;
	if (error_id)
		stream->status = client_error(error_id, parameters);
	else
		stream->status = stream->print(parameters, stream->data);
	stream->ended = stream->status || !(flags & SD_VARLINK_REPLY_CONTINUES);
	return 0;
}

static int observe(sd_varlink *link, const char *method,
		   struct stream *stream)
{
	int r;

	(void)sd_varlink_set_relative_timeout(link, UINT64_MAX);
	(void)sd_varlink_set_userdata(link, stream);
	r = sd_varlink_bind_reply(link, on_reply);
	if (r < 0)
		return r;
	r = sd_varlink_observe(link, method, NULL);
	if (r < 0)
		return r;
	while (!stream->ended) {
		r = sd_varlink_process(link);
		if (r < 0)
			return r;
		if (r == 0)
			r = sd_varlink_wait(link, UINT64_MAX);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

/**
 * client_stream() - Call a method that answers again and again
 * @socket: path of nitrod's socket
 * @method: its full name
 * @print: called for every answer; what it returns but 0 ends the stream and
 *	is the exit status
 * @data: handed to @print
 *
 * Context: Writes one sentence to stderr on failure.
 * Return: the exit status.
 */
int client_stream(const char *socket, const char *method,
		  int (*print)(sd_json_variant *reply, void *data),
		  void *data)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = NULL;
	struct stream stream = { .print = print, .data = data };
	int r;

	r = client_connect(socket, &link);
	if (r)
		return r;
	r = observe(link, method, &stream);
	if (r < 0 && !stream.status)
		return cli_failed(r, "no answer from nitrod");
	return stream.status;
}
