// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-harden: bring the host's kernel into production mode. nitrod starts it
 * as a unit, for it needs rights that nitrod does without; enabled, it runs at
 * every boot after our modules are loaded, whoever has signed them.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hardening.h"

int main(int argc, char **argv)
{
	const char *root = argc == 3 && !strcmp(argv[1], "--root") ? argv[2] : "";

	if (argc != 1 && !*root) {
		fprintf(stderr, "nitro-harden: usage: nitro-harden [--root DIRECTORY]\n");
		return 2;
	}
	for (size_t i = 0; i < hardening_n_checks; i++) {
		const struct hardening_check *check = &hardening_checks[i];
		int r = hardening_apply(root, check);
		bool ok = false;
		char *is;

		is = check->read(root, &ok);
		/* the others are none the worse for that */
		if (r < 0)
			fprintf(stderr, "nitro-harden: %s: cannot be set: %s\n", check->name,
				strerror(-r));
		printf("%s: %s%s%s%s\n", check->name, is, r > 0 ? " (set)" : "",
		       ok ? "" : ", missing: ", ok ? "" : check->why);
		free(is);
	}
	return EXIT_SUCCESS;
}
