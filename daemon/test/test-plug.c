// SPDX-License-Identifier: GPL-2.0
/* Devices that come and go, and a VMM that says what it likes. */

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "carrier.h"
#include "fixture.h"

#define ID "i-0123456789abcdef0"
#define ENI_ID "eni-0123456789abcdef0"
#define VOLUME_ID "vol-0123456789abcdef0"

struct vmm {
	struct fixture f;
	struct life l;
	char *socket;
	int listener, peer;
	char heard[4096];
};

/* What nitrod has sent since the last time */
static const char *heard(struct vmm *v)
{
	ssize_t n = recv(v->peer, v->heard, sizeof(v->heard) - 1, MSG_DONTWAIT);

	v->heard[n > 0 ? n : 0] = '\0';
	return v->heard;
}

static void say(struct vmm *v, const char *text)
{
	EXPECT(send(v->peer, text, strlen(text), 0) == (ssize_t)strlen(text));
	while (sd_event_run(v->f.m.event, 0) > 0)
		;
}

static void tell(struct vmm *v, const char *event, const char *device)
{
	_cleanup_json_ sd_json_variant *data = NULL;

	json_set_string(&data, "device", device);
	plug_event(&v->l, event, data);
}

static void vmm_open(struct vmm *v)
{
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *path = NULL;

	*v = (struct vmm){ .peer = -1 };
	fixture_open(&v->f);
	v->socket = xprintf("%s/nitro.sock", v->f.dir);
	v->f.m.socket_path = v->socket;
	EXPECT(sd_event_new(&v->f.m.event) >= 0);
	v->l = (struct life){ .m = &v->f.m, .id = xstrdup(ID), .carrier = &carrier_vm,
			      .state = LIFE_RUNNING };
	EXPECT(instance_rundir_make(&v->f.m, ID, &e) >= 0);
	path = instance_rundir(&v->f.m, ID, "qmp");
	v->listener = listen_at(path, SOCK_STREAM, &e);
	EXPECT(qmp_open(&v->l) >= 0);
	v->peer = accept(v->listener, NULL, NULL);
	say(v, "{\"QMP\":{}}\n");
	EXPECT(strstr(heard(v), "qmp_capabilities"));
	say(v, "{\"return\":{}}\n");
	EXPECT(strstr(heard(v), "query-status"));
	say(v, "{\"return\":{\"status\":\"paused\"}}\n");
	EXPECT(qmp_ready(v->l.qmp));
}

static void vmm_close(struct vmm *v)
{
	_cleanup_free_ char *dir = xprintf("%s/instances", v->f.dir);

	v->l.carrier->forget(&v->l);
	EXPECT(!v->l.plugs);
	close_fd(&v->peer);
	close_fd(&v->listener);
	instance_rundir_remove(&v->f.m, ID);
	instance_dir_remove(&v->f.m, ID);
	(void)rmdir(dir);
	v->f.m.event = sd_event_unref(v->f.m.event);
	free(v->l.id);
	free(v->socket);
	fixture_close(&v->f);
}

UNIT(what_goes_while_nobody_waits_is_cleared_away)
{
	struct vmm v;

	vmm_open(&v);
	tell(&v, "DEVICE_DELETED", ENI_ID);
	EXPECT(strstr(heard(&v), "\"netdev_del\",\"arguments\":{\"id\":\"net-" ENI_ID "\"}"));
	EXPECT(v.l.plugs);
	say(&v, "{\"return\":{}}\n");
	EXPECT(!v.l.plugs);
	tell(&v, "DEVICE_DELETED", "nvme-" VOLUME_ID);
	EXPECT(strstr(heard(&v), "\"blockdev-del\",\"arguments\":{\"node-name\":\"" VOLUME_ID "\"}"));
	EXPECT(strstr(v.heard, "\"remove-fd\""));
	say(&v, "{\"return\":{}}\n{\"error\":{\"desc\":\"there is none\"}}\n");
	EXPECT(!v.l.plugs);
	tell(&v, "DEVICE_DELETED", "ports");
	tell(&v, "DEVICE_UNPLUG_GUEST_ERROR", ENI_ID);
	EXPECT_TEXT(heard(&v), "");
	vmm_close(&v);
}

UNIT(a_vmm_may_say_what_it_likes)
{
	struct vmm v;

	vmm_open(&v);
	for (int i = 0; i < 3; i++) {
		tell(&v, "DEVICE_DELETED", ENI_ID);
		tell(&v, "DEVICE_UNPLUG_GUEST_ERROR", ENI_ID);
		tell(&v, "DEVICE_DELETED", ENI_ID);
		EXPECT(strstr(heard(&v), "netdev_del"));
		say(&v, "{\"error\":{\"desc\":\"no\"}}\n");
		tell(&v, "DEVICE_UNPLUG_GUEST_ERROR", ENI_ID);
		/* the last time it says no more */
		if (i < 2)
			say(&v, "{\"return\":{}}\n{\"return\":{}}\n");
	}
	vmm_close(&v);
}
