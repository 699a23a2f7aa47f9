/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What systemd holds for the service while that is restarted (FileDescriptorStoreMax=):
 * two descriptors of the same name for each enclave, its socket and its state.
 */
#ifndef _NITRO_NSM_STORE_H
#define _NITRO_NSM_STORE_H

#define STORE_NAME_SIZE 32

typedef int (*store_found_fn)(const char *name, int socket, int state, void *userdata);

int store_add(char name[static STORE_NAME_SIZE], int socket, int state);
void store_remove(const char *name);
int store_find(store_found_fn found, void *userdata);

#endif
