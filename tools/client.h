/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_CLIENT_H
#define _NITRO_CLIENT_H

#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

#define CLIENT_SOCKET "/run/nitro/nitro.sock"
/* What sd-varlink takes in one message. */
#define CLIENT_MESSAGE_MAX (16U * 1024 * 1024)

const char *client_socket(const char *option);
int client_connect(const char *socket, sd_varlink **ret);
int client_call(const char *socket, const char *interface, const char *method,
		sd_json_variant *parameters, sd_json_variant **ret);
int client_call_fds(const char *socket, const char *interface,
		    const char *method, sd_json_variant *parameters,
		    const int *fds, size_t n, sd_json_variant **ret);
int client_call_for_fd(const char *socket, const char *interface,
		       const char *method, sd_json_variant *parameters,
		       sd_json_variant **ret, int *ret_fd);
int client_collect(const char *socket, const char *interface,
		   const char *method, sd_json_variant *parameters,
		   const char *key, sd_json_variant **ret);
int client_error(const char *error_id, sd_json_variant *reply);
int client_stream(const char *socket, const char *method,
		  int (*print)(sd_json_variant *reply, void *data),
		  void *data);

#endif
