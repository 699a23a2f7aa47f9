// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Key: master keys. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("generation", INT, P_READ_ONLY, "Counts its rotations, from 1."),
	PROPERTY("volumes", INT, P_READ_ONLY, "How many volumes have their data key wrapped by it."),
	{}
};

VARLINK_FUNCTION(rotate_key, varlink_rotate_key(link, p, m))

static const struct varlink_method methods[] = {
	{ .name = "Rotate", .object = true, .serve = rotate_key,
	  .text = "Replace the key by a new one and wrap all data keys anew; volumes stay attached." },
	{}
};

VARLINK_OBJECT(key,
	.name = "Key", .kind = KIND_KEY,
	.text = "Master keys: each wraps the data keys of volumes and is sealed to this host by systemd-creds.",
	.properties = properties, .methods = methods, .lacks = 1 << VARLINK_SET,
);
