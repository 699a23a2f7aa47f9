// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Pool: where volumes get their space. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("dir", STRING, P_NULLABLE | P_FIXED, "A directory: a file for each volume."),
	PROPERTY("vg", STRING, P_NULLABLE | P_FIXED,
		 "VG/THINPOOL of LVM: a thin logical volume for each volume."),
	PROPERTY("device", STRING, P_NULLABLE | P_FIXED,
		 "A partition or disk: an extent for each volume."),
	PROPERTY("place", STRING, P_READ_ONLY, "The one of the three that it is."),
	PROPERTY("size", INT, P_NULLABLE,
		 "Bytes that it has; null if that is not known.",
		 .create_text = "Bytes that all volumes in a directory may have together, a multiple of 1 MiB.",
		 .set_text = "Bytes that all volumes in a directory may have together."),
	PROPERTY("sparse", BOOL, P_NULLABLE,
		 "Space is taken when it is written to, not when it is promised."),
	PROPERTY("uuid", STRING, P_NULLABLE | P_READ_ONLY,
		 "Its label, by which it is known again."),
	PROPERTY("allocated", INT, P_READ_ONLY, "Bytes of all its volumes together."),
	PROPERTY("available", INT, P_NULLABLE | P_READ_ONLY,
		 "Bytes that it can still promise; null if that is not known."),
	PROPERTY("used", INT, P_NULLABLE | P_READ_ONLY, "Bytes that are written, where it is known."),
	PROPERTY("reason", STRING, P_NULLABLE | P_READ_ONLY, "Why its state is failed."),
	{}
};

VARLINK_OBJECT(pool,
	.name = "Pool", .kind = KIND_POOL,
	.text = "Pools: a directory, an LVM thin pool or a device that volumes of this host get their space from.",
	.state_text = "State: available or failed.",
	.properties = properties,
);
