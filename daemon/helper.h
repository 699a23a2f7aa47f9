/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helper processes: what takes long or needs a tool of its own runs in a child,
 * and the event loop is told when it ends.
 */
#ifndef _NITRO_HELPER_H
#define _NITRO_HELPER_H

#include <systemd/sd-event.h>

#include "base.h"
#include "secret.h"

struct helper;

/* Runs in a forked child; what it says in @e is what the parent hears */
typedef int (*helper_fn)(void *data, struct error *e);

/**
 * struct helper_result - how a helper ended
 * @status: 0 or a negative errno
 * @output: what it wrote to stdout, zero-terminated; of a helper that was
 *	started for a secret it lies in @secret instead
 * @size: length of the output
 * @secret: the output of a helper that was started for a secret
 * @message: if it failed, one sentence: the last line of its stderr
 */
struct helper_result {
	int status;
	char *output;
	size_t size;
	struct secret secret;
	char *message;
};

typedef void (*helper_done_fn)(struct helper_result *result, void *userdata);

/**
 * struct helper_exec - a program to run
 * @argv: its arguments; the program is looked for in the system's folders
 * @input: what it gets on stdin, copied into a pipe at once
 * @input_size: length of that, PIPE_BUF at most
 * @secret_output: its output is a key
 */
struct helper_exec {
	const char *const *argv;
	const void *input;
	size_t input_size;
	bool secret_output;
};

int helper_run(sd_event *event, const struct helper_exec *x, helper_done_fn done,
	       void *userdata, struct helper **ret, struct error *e);
int helper_fork(sd_event *event, helper_fn fn, void *data, helper_done_fn done,
		void *userdata, struct helper **ret, struct error *e);
struct helper *helper_cancel(struct helper *h);

#endif
