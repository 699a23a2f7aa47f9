/* SPDX-License-Identifier: GPL-2.0 */
/* Who is behind an address of the service port; kmod/vpc/service.h has the layout. */
#ifndef _NITRO_CLIENT_H
#define _NITRO_CLIENT_H

#include <sys/socket.h>

#include "addr.h"

#define SERVICE_MAX 131070

uint32_t client_service(const struct sockaddr *sa);
void client_network(uint32_t service, bool v6, char ret[PREFIX_STRLEN]);

#endif
