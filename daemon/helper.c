// SPDX-License-Identifier: GPL-2.0
/* Helper processes under the event loop. */

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "helper.h"

#define OUTPUT_MAX (4 << 20)
#define MESSAGE_MAX 4096

/**
 * struct helper - a child under way
 * @pid: the child
 * @child: tells of its end
 * @out: its stdout
 * @err: its stderr
 * @out_fd: the end that is read
 * @err_fd: the end that is read
 * @result: what is known so far
 * @cap: room in result.output
 * @errors: what it wrote to stderr, the beginning
 * @done: called at its end
 * @userdata: for it
 */
struct helper {
	pid_t pid;
	sd_event_source *child, *out, *err;
	int out_fd, err_fd;
	struct helper_result result;
	size_t cap;
	struct text errors;
	helper_done_fn done;
	void *userdata;
};

static void release(struct helper *h)
{
	sd_event_source_disable_unref(h->child);
	sd_event_source_disable_unref(h->out);
	sd_event_source_disable_unref(h->err);
	close_fd(&h->out_fd);
	close_fd(&h->err_fd);
	secret_free(&h->result.secret);
	free(h->result.output);
	free(h->result.message);
	text_free(&h->errors);
	free(h);
}

/* Return: false at the end of what there is to read now */
static bool read_output(struct helper *h)
{
	struct helper_result *r = &h->result;
	bool secret = r->secret.data;
	char *base;
	ssize_t n;

	if (!secret && h->cap - r->size < 4096) {
		if (h->cap >= OUTPUT_MAX)
			return false;
		h->cap = h->cap ? h->cap * 2 : 16384;
		r->output = xrealloc(r->output, h->cap, 1);
	}
	base = secret ? (char *)r->secret.data : r->output;
	n = read(h->out_fd, base + r->size,
		 (secret ? r->secret.size : h->cap - 1) - r->size);
	if (n <= 0)
		return false;
	r->size += n;
	if (!secret)
		base[r->size] = '\0';
	return true;
}

static bool read_errors(struct helper *h)
{
	char buf[1024];
	ssize_t n = read(h->err_fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	if (h->errors.n < MESSAGE_MAX)
		text_add(&h->errors, "%s", buf);
	return true;
}

static int on_out(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	(void)fd;
	(void)revents;
	if (!read_output(userdata))
		(void)sd_event_source_set_enabled(s, SD_EVENT_OFF);
	return 0;
}

static int on_err(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	(void)fd;
	(void)revents;
	if (!read_errors(userdata))
		(void)sd_event_source_set_enabled(s, SD_EVENT_OFF);
	return 0;
}

/* Tools explain before they give up: the last line is the reason */
static char *last_line(const struct text *t)
{
	size_t end = t->n, start;

	while (end && strchr(" \t\r\n", t->s[end - 1]))
		end--;
	for (start = end; start && t->s[start - 1] != '\n'; start--)
		;
	while (start < end && strchr(" \t", t->s[start]))
		start++;
	return end > start ? xstrndup(t->s + start, end - start) : NULL;
}

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	struct helper *h = userdata;

	(void)s;
	while (read_output(h))
		;
	while (read_errors(h))
		;
	if (si->si_code == CLD_EXITED && !si->si_status) {
		h->result.status = 0;
	} else {
		h->result.status = -EIO;
		h->result.message = last_line(&h->errors);
		if (!h->result.message)
			h->result.message = si->si_code == CLD_EXITED ?
				xprintf("exit status %d", si->si_status) :
				xprintf("signal %d", si->si_status);
	}
	if (!h->result.output && !h->result.secret.data)
		h->result.output = xstrdup("");
	h->done(&h->result, h->userdata);
	release(h);
	return 0;
}

/* In the child: defaults for what nitrod has set, then the ends of the pipes */
static void become_helper(int in, int out, int err)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* what nitrod began ends with nitrod; the next start looks what is left */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(127);
	(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	(void)setenv("LVM_SUPPRESS_FD_WARNINGS", "1", 1);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_PID");
}

/* Reading the wrong end must not hold up the loop */
static int nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int watch(sd_event *event, struct helper *h)
{
	int r = sd_event_add_io(event, &h->out, h->out_fd, EPOLLIN, on_out, h);

	if (r >= 0)
		r = sd_event_add_io(event, &h->err, h->err_fd, EPOLLIN, on_err, h);
	if (r >= 0)
		r = sd_event_add_child(event, &h->child, h->pid, WEXITED, on_child, h);
	return r;
}

static void child_main(const struct helper_exec *x, helper_fn fn, void *data)
{
	_cleanup_error_ struct error e = {};
	int r;

	if (x) {
		execvp(x->argv[0], (char *const *)x->argv);
		dprintf(2, "cannot run '%s': %s\n", x->argv[0], strerror(errno));
		_exit(127);
	}
	r = fn(data, &e);
	if (r < 0)
		dprintf(2, "%s\n", e.message ? e.message : strerror(-r));
	_exit(r < 0 ? 1 : 0);
}

static int start(sd_event *event, struct helper *h, const struct helper_exec *x, helper_fn fn,
		 void *data, int pipes[3][2])
{
	for (int i = 0; i < 3; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -errno;
	if (x && x->input_size &&
	    write(pipes[0][1], x->input, x->input_size) != (ssize_t)x->input_size)
		return -EIO;
	close(pipes[0][1]);
	pipes[0][1] = -1;
	h->pid = fork();
	if (h->pid < 0)
		return -errno;
	if (!h->pid) {
		become_helper(pipes[0][0], pipes[1][1], pipes[2][1]);
		child_main(x, fn, data);
	}
	h->out_fd = pipes[1][0];
	h->err_fd = pipes[2][0];
	pipes[1][0] = pipes[2][0] = -1;
	if (nonblocking(h->out_fd) < 0 || nonblocking(h->err_fd) < 0)
		return -errno;
	return watch(event, h);
}

static int launch(sd_event *event, const struct helper_exec *x, helper_fn fn, void *data,
		  helper_done_fn done, void *userdata, struct helper **ret, struct error *e)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct helper *h = xcalloc(1, sizeof(*h));
	int r = 0;

	h->out_fd = h->err_fd = -1;
	h->done = done;
	h->userdata = userdata;
	if (x && x->secret_output)
		r = secret_new(&h->result.secret, SECRET_MAX, e);
	if (r >= 0)
		r = start(event, h, x, fn, data, pipes);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			close_fd(&pipes[i][j]);
	if (r >= 0) {
		*ret = h;
		return 0;
	}
	if (h->pid > 0) {
		(void)kill(h->pid, SIGKILL);
		(void)waitpid(h->pid, NULL, 0);
	}
	release(h);
	return fail(e, ERR_FAILED, "cannot start a helper process: %s", strerror(-r));
}

/**
 * helper_run - run a program
 * @event: the loop
 * @x: the program
 * @done: called at its end; the result is gone when it returns
 * @userdata: for it
 * @ret: the helper, to cancel it; not valid any more when @done is called
 * @e: says why it cannot be started
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int helper_run(sd_event *event, const struct helper_exec *x, helper_done_fn done,
	       void *userdata, struct helper **ret, struct error *e)
{
	return launch(event, x, NULL, NULL, done, userdata, ret, e);
}

/**
 * helper_fork - run a function in a child
 * @event: the loop
 * @fn: the function; secrets are wiped in the child
 * @data: for it
 * @done: called at its end
 * @userdata: for that
 * @ret: the helper, to cancel it
 * @e: says why it cannot be started
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int helper_fork(sd_event *event, helper_fn fn, void *data, helper_done_fn done,
		void *userdata, struct helper **ret, struct error *e)
{
	return launch(event, NULL, fn, data, done, userdata, ret, e);
}

/**
 * helper_cancel - end a helper without hearing of it
 * @h: the helper, may be NULL
 *
 * Context: at the end.
 * Return: NULL.
 */
struct helper *helper_cancel(struct helper *h)
{
	if (!h)
		return NULL;
	(void)kill(h->pid, SIGKILL);
	h->child = sd_event_source_disable_unref(h->child);
	(void)waitpid(h->pid, NULL, 0);
	release(h);
	return NULL;
}
