// SPDX-License-Identifier: GPL-2.0
/* SQLite, as nitrod's: write-ahead log, on disk when a call returns. */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

/* What makes a database of each version from the one before, the empty file first */
static const char *const schemas[] = {
	"CREATE TABLE keys (\n"
	" id TEXT PRIMARY KEY NOT NULL,\n"
	" name TEXT NOT NULL UNIQUE,\n"
	" policy TEXT NOT NULL,\n"
	" wrapped BLOB NOT NULL,\n"
	" created INTEGER NOT NULL\n"
	") WITHOUT ROWID;"
	"CREATE TABLE used (digest BLOB PRIMARY KEY NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX used_until ON used (until);",

	"CREATE TABLE versions (\n"
	" key TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,\n"
	" number INTEGER NOT NULL,\n"
	" wrapped BLOB NOT NULL,\n"
	" created INTEGER NOT NULL,\n"
	" PRIMARY KEY (key, number)\n"
	") WITHOUT ROWID;"
	"INSERT INTO versions SELECT id, 1, wrapped, created FROM keys;"
	"ALTER TABLE keys DROP COLUMN wrapped;",
};

#define SCHEMA_VERSION ((int)(sizeof(schemas) / sizeof(*schemas)))

enum statement {
	S_ADD, S_GET, S_DELETE, S_LIST, S_VERSION_ADD, S_VERSION_GET, S_VERSIONS, S_USE, S_FORGET,
	S_MAX
};

#define KEY_COLUMNS \
	"SELECT id, name, policy, k.created, number, wrapped, v.created " \
	"FROM keys AS k JOIN versions AS v ON key = id " \
	"WHERE number = (SELECT MAX(number) FROM versions WHERE key = id)"
#define VERSION_COLUMNS "SELECT number, wrapped, created FROM versions WHERE key = ?1 AND "

static const char *const statements[S_MAX] = {
	[S_ADD] = "INSERT INTO keys (id, name, policy, created) VALUES (?1, ?2, ?3, ?4)",
	[S_GET] = KEY_COLUMNS " AND (id = ?1 OR name = ?1)",
	[S_DELETE] = "DELETE FROM keys WHERE id = ?1",
	[S_LIST] = KEY_COLUMNS " ORDER BY name",
	[S_VERSION_ADD] = "INSERT INTO versions VALUES (?1, ?2, ?3, ?4)",
	[S_VERSION_GET] = VERSION_COLUMNS "number = ?2",
	[S_VERSIONS] = VERSION_COLUMNS "number > ?2 ORDER BY number LIMIT ?3",
	[S_USE] = "INSERT INTO used (digest, until) VALUES (?1, ?2)",
	[S_FORGET] = "DELETE FROM used WHERE until < ?1",
};

struct store {
	struct sqlite3 *db;
	struct sqlite3_stmt *stmt[S_MAX];
};

static int db_error(struct store *store, const char *what, struct why *why)
{
	(void)refuse(why, "the keys' database cannot %s: %s", what, sqlite3_errmsg(store->db));
	return -EIO;
}

static int prepare(struct store *store, struct why *why)
{
	for (int i = 0; i < S_MAX; i++)
		if (sqlite3_prepare_v2(store->db, statements[i], -1, &store->stmt[i], NULL))
			return db_error(store, "be read", why);
	return 0;
}

static int version(struct store *store)
{
	struct sqlite3_stmt *stmt;
	int n = -1;

	if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* All of a step or nothing of it */
static int upgrade(struct store *store, int from, struct why *why)
{
	char number[64];

	for (int i = from; i < SCHEMA_VERSION; i++) {
		(void)snprintf(number, sizeof(number), "PRAGMA user_version = %d; COMMIT", i + 1);
		if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ||
		    sqlite3_exec(store->db, schemas[i], NULL, NULL, NULL) ||
		    sqlite3_exec(store->db, number, NULL, NULL, NULL))
			return db_error(store, "be made", why);
	}
	return 0;
}

static int open_db(struct store *store, const char *path, struct why *why)
{
	int found;

	if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL))
		return db_error(store, "be opened", why);
	(void)sqlite3_busy_timeout(store->db, 5000);
	/* What is deleted is overwritten */
	if (sqlite3_exec(store->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;\n"
			 "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;", NULL, NULL, NULL))
		return db_error(store, "be set up", why);
	found = version(store);
	if (found < 0)
		return db_error(store, "be read", why);
	if (found > SCHEMA_VERSION)
		return refuse(why, "'%s' is of a newer version of nitro-kms", path);
	return upgrade(store, found, why) ?: prepare(store, why);
}

/**
 * store_open - open the database, which is made if there is none
 * @path: its file
 * @ret: receives it
 * @why: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int store_open(const char *path, struct store **ret, struct why *why)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return refuse_error(why, ENOMEM, "cannot open '%s'", path);
	r = open_db(store, path, why);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret = store;
	return 0;
}

/**
 * store_close - close the database
 * @store: the database, may be NULL
 *
 * Context: at the end.
 */
void store_close(struct store *store)
{
	if (!store)
		return;
	for (int i = 0; i < S_MAX; i++)
		sqlite3_finalize(store->stmt[i]);
	sqlite3_close(store->db);
	free(store);
}

/* Runs a statement that gives no rows */
static int run(struct store *store, enum statement which)
{
	int r = sqlite3_step(store->stmt[which]);

	(void)sqlite3_reset(store->stmt[which]);
	(void)sqlite3_clear_bindings(store->stmt[which]);
	return r == SQLITE_DONE ? 0 : r;
}

static int add_key(struct store *store, const struct key *key, struct why *why)
{
	struct sqlite3_stmt *stmt = store->stmt[S_ADD];
	int r;

	(void)sqlite3_bind_text(stmt, 1, key->id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, key->name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 3, key->policy, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 4, key->created);
	r = run(store, S_ADD);
	if (r == SQLITE_CONSTRAINT) {
		(void)refuse(why, "there is a key '%s' already", key->name);
		return -EEXIST;
	}
	return r ? db_error(store, "keep a key", why) : 0;
}

/**
 * store_version_add - keep a new version of a key
 * @store: the database
 * @id: the key's
 * @version: the version
 * @why: says why not
 *
 * Context: event loop; waits for the disk.
 * Return: 0 or -EIO.
 */
int store_version_add(struct store *store, const char *id, const struct version *version,
		      struct why *why)
{
	struct sqlite3_stmt *stmt = store->stmt[S_VERSION_ADD];

	(void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(stmt, 2, (int)version->number);
	(void)sqlite3_bind_blob(stmt, 3, version->wrapped, sizeof(version->wrapped),
				SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 4, version->created);
	return run(store, S_VERSION_ADD) ? db_error(store, "keep a key", why) : 0;
}

/**
 * store_key_add - keep a key
 * @store: the database
 * @key: the key
 * @why: says why not
 *
 * Context: event loop; waits for the disk.
 * Return: 0, -EEXIST, -EIO.
 */
int store_key_add(struct store *store, const struct key *key, struct why *why)
{
	int r;

	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
		return db_error(store, "keep a key", why);
	r = add_key(store, key, why);
	if (!r)
		r = store_version_add(store, key->id, &key->version, why);
	if (!r && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL))
		r = db_error(store, "keep a key", why);
	if (r)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int read_version(struct sqlite3_stmt *stmt, int column, struct version *version)
{
	const void *wrapped = sqlite3_column_blob(stmt, column + 1);

	if (!wrapped || sqlite3_column_bytes(stmt, column + 1) != sizeof(version->wrapped))
		return -EIO;
	version->number = (unsigned int)sqlite3_column_int(stmt, column);
	version->created = sqlite3_column_int64(stmt, column + 2);
	memcpy(version->wrapped, wrapped, sizeof(version->wrapped));
	return 0;
}

static int read_key(struct sqlite3_stmt *stmt, struct key *key)
{
	const char *id = (const char *)sqlite3_column_text(stmt, 0);
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *policy = (const char *)sqlite3_column_text(stmt, 2);

	*key = (struct key){ .created = sqlite3_column_int64(stmt, 3) };
	if (!id || strlen(id) != KEY_ID_SIZE - 1 || !name || strlen(name) > KEY_NAME_MAX ||
	    !policy || read_version(stmt, 4, &key->version))
		return -EIO;
	key->policy = strdup(policy);
	if (!key->policy)
		return -ENOMEM;
	memcpy(key->id, id, KEY_ID_SIZE);
	memcpy(key->name, name, strlen(name) + 1);
	return 0;
}

/**
 * store_key_get - find a key
 * @store: the database
 * @name: its name or its ID
 * @ret: receives the key, to be cleared
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0, -ENOENT, -EIO or -ENOMEM.
 */
int store_key_get(struct store *store, const char *name, struct key *ret, struct why *why)
{
	struct sqlite3_stmt *stmt = store->stmt[S_GET];
	int r, err = 0;

	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(stmt);
	if (r == SQLITE_DONE) {
		(void)refuse(why, "there is no key '%s'", name);
		err = -ENOENT;
	} else if (r != SQLITE_ROW) {
		err = db_error(store, "be read", why);
	} else {
		err = read_key(stmt, ret);
		if (err)
			(void)refuse(why, "key '%s' cannot be read", name);
	}
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return err;
}

/**
 * store_key_delete - forget a key
 * @store: the database
 * @id: its ID
 * @why: says why not
 *
 * Context: event loop; waits for the disk.
 * Return: 0 or -EIO.
 */
int store_key_delete(struct store *store, const char *id, struct why *why)
{
	(void)sqlite3_bind_text(store->stmt[S_DELETE], 1, id, -1, SQLITE_STATIC);
	if (run(store, S_DELETE))
		return db_error(store, "delete a key", why);
	/* Not even the log keeps it */
	if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL))
		return db_error(store, "forget a key", why);
	return 0;
}

/**
 * store_keys - look at each key, by name
 * @store: the database
 * @fn: what looks; ends with the first that does not return 0
 * @userdata: for it
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_keys(struct store *store, store_key_fn fn, void *userdata, struct why *why)
{
	struct sqlite3_stmt *stmt = store->stmt[S_LIST];
	int r, err = 0;

	while (!err && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct key key;

		err = read_key(stmt, &key);
		if (!err)
			err = fn(&key, userdata);
		key_clear(&key);
	}
	if (err)
		(void)refuse(why, "the keys cannot be read");
	else if (r != SQLITE_DONE)
		err = db_error(store, "be read", why);
	(void)sqlite3_reset(stmt);
	return err;
}

/**
 * store_version_get - find a version of a key
 * @store: the database
 * @id: the key's
 * @number: the version's
 * @ret: receives it
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0, -ENOENT or -EIO.
 */
int store_version_get(struct store *store, const char *id, unsigned int number,
		      struct version *ret, struct why *why)
{
	struct sqlite3_stmt *stmt = store->stmt[S_VERSION_GET];
	int r, err = 0;

	(void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 2, number);
	r = sqlite3_step(stmt);
	if (r == SQLITE_DONE) {
		(void)refuse(why, "the key has no version %u", number);
		err = -ENOENT;
	} else if (r != SQLITE_ROW || read_version(stmt, 0, ret)) {
		err = db_error(store, "be read", why);
	}
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return err;
}

/**
 * store_versions - look at versions of a key, the oldest first
 * @store: the database
 * @id: the key's
 * @after: the number of the last that is left out
 * @most: how many
 * @fn: what looks; ends with the first that does not return 0
 * @userdata: for it
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int store_versions(struct store *store, const char *id, unsigned int after, unsigned int most,
		   store_version_fn fn, void *userdata, struct why *why)
{
	struct sqlite3_stmt *stmt = store->stmt[S_VERSIONS];
	struct version version;
	int r, err = 0;

	(void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 2, after);
	(void)sqlite3_bind_int64(stmt, 3, most);
	while (!err && (r = sqlite3_step(stmt)) == SQLITE_ROW)
		err = read_version(stmt, 0, &version) ?: fn(&version, userdata);
	if (err)
		(void)refuse(why, "the key's versions cannot be read");
	else if (r != SQLITE_DONE)
		err = db_error(store, "be read", why);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return err;
}

/**
 * key_clear - free what belongs to a key
 * @key: the key
 *
 * Context: any.
 */
void key_clear(struct key *key)
{
	free(key->policy);
	*key = (struct key){};
}

/**
 * store_use - use an attestation document, which can be done once
 * @store: the database
 * @digest: of what is signed in it
 * @now: the time
 * @until: when it is too old anyway
 * @why: says why not
 *
 * Context: event loop; waits for the disk.
 * Return: 0, -EEXIST if it was used, -EIO.
 */
int store_use(struct store *store, const uint8_t digest[static DIGEST_SIZE], time_t now,
	      time_t until, struct why *why)
{
	int r;

	(void)sqlite3_bind_int64(store->stmt[S_FORGET], 1, now);
	if (run(store, S_FORGET))
		return db_error(store, "forget a document", why);
	(void)sqlite3_bind_blob(store->stmt[S_USE], 1, digest, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_int64(store->stmt[S_USE], 2, until);
	r = run(store, S_USE);
	if (r == SQLITE_CONSTRAINT) {
		(void)refuse(why, "it was used before");
		return -EEXIST;
	}
	return r ? db_error(store, "remember a document", why) : 0;
}
