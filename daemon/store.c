// SPDX-License-Identifier: GPL-2.0
/* The store on SQLite: write-ahead log, synchronized to disk at each commit. */

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store.h"

#define SCHEMA_VERSION 2

static const char schema[] =
	"CREATE TABLE objects (\n"
	" id TEXT PRIMARY KEY NOT NULL,\n"
	" kind TEXT NOT NULL,\n"
	" name TEXT NOT NULL,\n"
	" vpc TEXT NOT NULL,\n"
	" version INTEGER NOT NULL,\n"
	" body TEXT NOT NULL,\n"
	" UNIQUE (kind, vpc, name)\n"
	") WITHOUT ROWID;"
	"CREATE TABLE handles (\n"
	" key TEXT PRIMARY KEY NOT NULL,\n"
	" handle INTEGER NOT NULL UNIQUE\n"
	") WITHOUT ROWID;"
	"CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('sequence', '0');"
	"PRAGMA user_version = 1;";

/* Version 2: notes, what nitrod has to look after beside the objects */
static const char upgrade[] =
	"CREATE TABLE notes (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 2;";

enum statement {
	S_BEGIN, S_COMMIT, S_ROLLBACK, S_PUT, S_DELETE, S_PUT_HANDLE, S_DELETE_HANDLE,
	S_PUT_NOTE, S_DELETE_NOTE, S_SEQUENCE, S_MAX,
};

static const char *const statements[S_MAX] = {
	[S_BEGIN] = "BEGIN IMMEDIATE",
	[S_COMMIT] = "COMMIT",
	[S_ROLLBACK] = "ROLLBACK",
	[S_PUT] = "INSERT INTO objects (id, kind, name, vpc, version, body)\n"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)\n"
		  " ON CONFLICT (id) DO UPDATE SET version = ?5, body = ?6",
	[S_DELETE] = "DELETE FROM objects WHERE id = ?1",
	[S_PUT_HANDLE] = "INSERT OR REPLACE INTO handles (key, handle) VALUES (?1, ?2)",
	[S_DELETE_HANDLE] = "DELETE FROM handles WHERE key = ?1",
	[S_PUT_NOTE] = "INSERT OR REPLACE INTO notes (key, value) VALUES (?1, ?2)",
	[S_DELETE_NOTE] = "DELETE FROM notes WHERE key = ?1",
	[S_SEQUENCE] = "UPDATE meta SET value = value + 1 WHERE key = 'sequence'",
};

/* What the watchers are told of once a transaction is committed */
struct store_event {
	char *kind, *id, *name, *vpc, *body;
	uint64_t version;
};

struct store {
	struct sqlite3 *db;
	struct sqlite3_stmt *stmt[S_MAX];
	struct store_event *events;
	size_t n_events, cap_events;
	store_object_fn watch;
	void *watch_data;
};

static int db_error(struct store *s, const char *what, struct error *e)
{
	return fail(e, ERR_FAILED, "the store cannot %s: %s", what, sqlite3_errmsg(s->db));
}

static void forget_events(struct store *s)
{
	for (size_t i = 0; i < s->n_events; i++) {
		struct store_event *ev = &s->events[i];

		free(ev->kind);
		free(ev->id);
		free(ev->name);
		free(ev->vpc);
		free(ev->body);
	}
	s->n_events = 0;
}

static int run(struct store *s, enum statement st, const char *what, struct error *e)
{
	sqlite3_stmt *stmt = s->stmt[st];
	int r = sqlite3_step(stmt);

	/* the message belongs to the step, so it is taken before the reset */
	r = r == SQLITE_DONE ? 0 : db_error(s, what, e);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return r;
}

static int set_up(struct store *s, struct error *e)
{
	static const char pragmas[] =
		"PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = FULL;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA locking_mode = EXCLUSIVE;";
	sqlite3_stmt *stmt;
	int version = -1;

	if (sqlite3_exec(s->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(s, "be opened", e);
	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
		return db_error(s, "be read", e);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	if (version == 0 || version == 1) {
		_cleanup_free_ char *sql = xprintf("BEGIN; %s %s COMMIT;",
						   version ? "" : schema, upgrade);

		if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
			return db_error(s, "be set up", e);
	} else if (version != SCHEMA_VERSION) {
		return fail(e, ERR_FAILED,
			    "the store has schema version %d, this nitrod knows version %d",
			    version, SCHEMA_VERSION);
	}
	for (int i = 0; i < S_MAX; i++)
		if (sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->stmt[i], NULL) != SQLITE_OK)
			return db_error(s, "prepare a statement", e);
	return 0;
}

/**
 * store_open - open the store, make it if there is none
 * @ret: the store
 * @dir: directory it lies in
 * @e: says why not
 *
 * One process has it at a time.
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int store_open(struct store **ret, const char *dir, struct error *e)
{
	_cleanup_free_ char *path = xprintf("%s/nitro.db", dir);
	struct store *s;
	int r;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(e, ERR_FAILED, "cannot make '%s': %s", dir, strerror(errno));
	s = xcalloc(1, sizeof(*s));
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			    SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK) {
		r = fail(e, ERR_FAILED, "cannot open '%s': %s", path, sqlite3_errmsg(s->db));
		store_close(s);
		return r;
	}
	r = set_up(s, e);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

/**
 * store_close - close the store
 * @s: the store, may be NULL
 *
 * Context: at the end.
 * Return: NULL.
 */
struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	forget_events(s);
	free(s->events);
	for (int i = 0; i < S_MAX; i++)
		sqlite3_finalize(s->stmt[i]);
	sqlite3_close(s->db);
	free(s);
	return NULL;
}

static const char *column(sqlite3_stmt *stmt, int i)
{
	const char *s = (const char *)sqlite3_column_text(stmt, i);

	return s ? s : "";
}

static int load_rows(struct store *s, const char *sql, store_handle_fn handle,
		     store_object_fn object, void *userdata, struct error *e)
{
	sqlite3_stmt *stmt;
	int r = 0, step;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return db_error(s, "be read", e);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (handle) {
			r = handle(column(stmt, 0), sqlite3_column_int64(stmt, 1), userdata);
		} else {
			struct store_object o = {
				.id = column(stmt, 0), .kind = column(stmt, 1),
				.name = column(stmt, 2), .vpc = column(stmt, 3),
				.version = sqlite3_column_int64(stmt, 4),
				.body = column(stmt, 5),
			};

			o.vpc = *o.vpc ? o.vpc : NULL;
			r = object(&o, userdata);
		}
		if (r < 0)
			break;
	}
	if (r >= 0 && step != SQLITE_DONE)
		r = db_error(s, "be read", e);
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

/**
 * store_load - read everything
 * @s: the store
 * @handle: called for each handle, before the objects
 * @object: called for each object, in the order in which they were made
 * @userdata: for both
 * @e: says why it cannot be read
 *
 * Context: at start.
 * Return: 0, a negative errno, or what a callback returned below zero.
 */
int store_load(struct store *s, store_handle_fn handle, store_object_fn object,
	       void *userdata, struct error *e)
{
	int r = load_rows(s, "SELECT key, handle FROM handles", handle, NULL, userdata, e);

	/* handles count upwards, so they know the order of creation */
	if (r >= 0)
		r = load_rows(s, "SELECT o.id, o.kind, o.name, o.vpc, o.version, o.body\n"
			      " FROM objects o LEFT JOIN handles h ON h.key = o.id\n"
			      " ORDER BY h.handle, o.id",
			      NULL, object, userdata, e);
	return r;
}

/**
 * store_begin - begin a transaction
 * @s: the store
 * @e: says why not
 *
 * Context: event loop; not nested.
 * Return: 0 or a negative errno.
 */
int store_begin(struct store *s, struct error *e)
{
	int r = run(s, S_BEGIN, "begin a transaction", e);

	return r < 0 ? r : run(s, S_SEQUENCE, "count a transaction", e);
}

static void note_event(struct store *s, const struct store_object *o)
{
	if (!s->watch)
		return;
	GROW(s->events, s->n_events, s->cap_events);
	s->events[s->n_events++] = (struct store_event){
		.kind = xstrdup(o->kind), .id = xstrdup(o->id), .name = xstrdup(o->name),
		.vpc = xstrdup(o->vpc), .body = xstrdup(o->body), .version = o->version,
	};
}

/**
 * store_put - write an object
 * @s: the store, in a transaction
 * @o: the object
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_put(struct store *s, const struct store_object *o, struct error *e)
{
	sqlite3_stmt *stmt = s->stmt[S_PUT];

	sqlite3_bind_text(stmt, 1, o->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, o->kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, o->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, o->vpc ? o->vpc : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 5, o->version);
	sqlite3_bind_text(stmt, 6, o->body, -1, SQLITE_STATIC);
	note_event(s, o);
	return run(s, S_PUT, "write an object", e);
}

/**
 * store_delete - delete an object
 * @s: the store, in a transaction
 * @o: the object; version and body do not matter
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_delete(struct store *s, const struct store_object *o, struct error *e)
{
	sqlite3_bind_text(s->stmt[S_DELETE], 1, o->id, -1, SQLITE_STATIC);
	note_event(s, &(struct store_object){ .kind = o->kind, .id = o->id, .name = o->name,
					      .vpc = o->vpc, .version = o->version });
	return run(s, S_DELETE, "delete an object", e);
}

/**
 * store_put_handle - write a handle
 * @s: the store, in a transaction
 * @key: what it stands for
 * @handle: the handle
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_put_handle(struct store *s, const char *key, uint32_t handle, struct error *e)
{
	sqlite3_bind_text(s->stmt[S_PUT_HANDLE], 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->stmt[S_PUT_HANDLE], 2, handle);
	return run(s, S_PUT_HANDLE, "write a handle", e);
}

/**
 * store_delete_handle - delete a handle
 * @s: the store, in a transaction
 * @key: what it stood for
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_delete_handle(struct store *s, const char *key, struct error *e)
{
	sqlite3_bind_text(s->stmt[S_DELETE_HANDLE], 1, key, -1, SQLITE_STATIC);
	return run(s, S_DELETE_HANDLE, "delete a handle", e);
}

/**
 * store_put_note - write a note
 * @s: the store, in a transaction
 * @key: what it is about
 * @value: what it says
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_put_note(struct store *s, const char *key, const char *value, struct error *e)
{
	sqlite3_bind_text(s->stmt[S_PUT_NOTE], 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(s->stmt[S_PUT_NOTE], 2, value, -1, SQLITE_STATIC);
	return run(s, S_PUT_NOTE, "write a note", e);
}

/**
 * store_delete_note - delete a note
 * @s: the store, in a transaction
 * @key: what it was about
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_delete_note(struct store *s, const char *key, struct error *e)
{
	sqlite3_bind_text(s->stmt[S_DELETE_NOTE], 1, key, -1, SQLITE_STATIC);
	return run(s, S_DELETE_NOTE, "delete a note", e);
}

/**
 * store_load_notes - read all notes
 * @s: the store
 * @fn: called for each
 * @userdata: for it
 * @e: says why they cannot be read
 *
 * Context: at start.
 * Return: 0, a negative errno, or what @fn returned below zero.
 */
int store_load_notes(struct store *s, store_note_fn fn, void *userdata, struct error *e)
{
	sqlite3_stmt *stmt;
	int r = 0, step;

	if (sqlite3_prepare_v2(s->db, "SELECT key, value FROM notes", -1, &stmt, NULL) !=
	    SQLITE_OK)
		return db_error(s, "be read", e);
	while (r >= 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
		r = fn(column(stmt, 0), column(stmt, 1), userdata);
	if (r >= 0 && step != SQLITE_DONE)
		r = db_error(s, "be read", e);
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

/**
 * store_commit - make a transaction last, then tell the watcher
 * @s: the store, in a transaction
 * @e: says why not; the transaction is still open then
 *
 * Context: event loop; waits for the disk.
 * Return: 0 or a negative errno.
 */
int store_commit(struct store *s, struct error *e)
{
	int r = run(s, S_COMMIT, "commit", e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_events; i++) {
		const struct store_event *ev = &s->events[i];
		struct store_object o = {
			.kind = ev->kind, .id = ev->id, .name = ev->name, .vpc = ev->vpc,
			.version = ev->version, .body = ev->body,
		};

		(void)s->watch(&o, s->watch_data);
	}
	forget_events(s);
	return 0;
}

/**
 * store_rollback - drop a transaction
 * @s: the store
 *
 * Context: event loop.
 */
void store_rollback(struct store *s)
{
	_cleanup_error_ struct error ignored = {};

	forget_events(s);
	if (!sqlite3_get_autocommit(s->db))
		(void)run(s, S_ROLLBACK, "roll back", &ignored);
}

/**
 * store_watch - be told of committed objects
 * @s: the store
 * @fn: called after the commit, for each object written or deleted
 * @userdata: for it
 *
 * Context: at start.
 */
void store_watch(struct store *s, store_object_fn fn, void *userdata)
{
	s->watch = fn;
	s->watch_data = userdata;
}
