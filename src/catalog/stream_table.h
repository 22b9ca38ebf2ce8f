/*-------------------------------------------------------------------------
 *
 * stream_table.h
 *	  Rows of pgt_stream_tables and what belongs to them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_STREAM_TABLE_H
#define ST_CATALOG_STREAM_TABLE_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "nodes/pg_list.h"

/* How a row of the node is found again. */
typedef enum StIdentityKind
{
	ST_IDENTITY_KEY,			/* unique index on NOT NULL key columns */
	ST_IDENTITY_KEY_HASH,		/* index on hash_record_extended(ROW(keys), 0) */
	ST_IDENTITY_IMAGE			/* index on
								 * pgtrickle.row_image_hash(ROW(columns)) */
} StIdentityKind;

typedef struct StStreamTable
{
	int64		pgt_id;
	Oid			relid;
	char	   *schema;
	char	   *name;
	char	   *query;			/* as typed */
	Oid			accepted_owner; /* whose rights the query may have, see
								 * st_owner_is_accepted */
	char	   *refresh_mode;	/* FULL or DIFFERENTIAL */
	char	   *requested_mode; /* the same, or AUTO */
	bool		automatic;		/* nobody has asked for it: it may do either */
	char	   *status;
	int			component;		/* of stream tables that read each other: its
								 * number; 0: it is in none */
	char	   *reason;			/* why there is no delta, or NULL */
	char	   *stale_reason;	/* why its last refresh could not follow
								 * changes, mode FULL apart, or NULL */
	bool		populated;
	bool		needs_reinit;
	TimestampTz last_refresh_at;	/* 0: never */
	TimestampTz clock;			/* what now() was when the contents were
								 * computed; 0: that does not matter */
	double		last_full_ms;	/* its last recompute took; negative: not
								 * known */
	double		auto_threshold; /* negative: the setting */
	double		max_delta_fraction; /* 0: no limit, as max_joins */
	int			max_joins;
	bool		append_only;	/* somebody has promised that rows of its
								 * sources stay */
	bool		fused;			/* its fuse is not off: changes are counted */
	bool		found_nothing;	/* the last refresh that was recorded did */
	TransactionId written_by;	/* who wrote its row of pgt_stream_tables
								 * last, as every refresh does */
	char	   *search_path;	/* that the query was written under */
	char	   *views_fingerprint;
	char	   *functions_fingerprint;
	char	   *guard_fingerprint;	/* of its last recompute */
	char	   *unlogged_mark;	/* crash mark of its last recompute if
								 * anything of it is UNLOGGED */
	List	   *settings;		/* of char *: name, value, name, value */
	int			nstates;
	Oid		   *states;
	List	   *copies;			/* OIDs of copies that it reads
								 * (source_copy.h) */
	StIdentityKind identity_kind;
	int			nkeys;
	AttrNumber *keys;
	int			nunindexed;		/* columns without an index when the states
								 * were made */
	Oid		   *unindexed_relations;
	AttrNumber *unindexed_columns;
} StStreamTable;

/*
 * The row of a stream table by its relation, not under the user's snapshot.
 * Whoever has not locked the relation, or waits for something else, may find it
 * dropped: it raises 42P01 then; NULL from the other.
 */
extern StStreamTable *st_stream_table_get(Oid relid);
extern StStreamTable *st_stream_table_get_if_exists(Oid relid);

/*
 * Its rewritten query as nodeToString writes it: long, and kept apart because
 * every refresh asks for the rest.
 */
extern char *st_stream_table_tree(const StStreamTable *table);

/* The query as it was before its views were expanded, and the same as SQL, which tells it from another. */
extern char *st_stream_table_analysed(const StStreamTable *table);
extern char *st_stream_table_query_text(const StStreamTable *table);

/* The mode asked for: AUTO, FULL or DIFFERENTIAL. */
extern char *st_stream_table_requested_mode(const StStreamTable *table);
extern bool st_is_stream_table(Oid relid);

/* The stream table that a relation is a partition of, at any level, or InvalidOid. */
extern Oid	st_stream_table_of_partition(Oid relid);

/*
 * May the query run with the rights of the present owner? Not after a change
 * of owner that the former one could not have made, until somebody resumes the
 * stream table (rule J17).
 */
extern bool st_owner_is_accepted(const StStreamTable *table);

/* Raise 22023 if not, as for any suspended stream table. */
extern void st_require_accepted_owner(const StStreamTable *table);

/* Neither refreshed nor waited for: its status says so, or its owner has not accepted it. */
extern bool st_is_suspended(const StStreamTable *table);

/*
 * Write one row of the catalog without running a statement, as hooks must
 * (rule J15). Seen after the next CommandCounterIncrement.
 */
extern void st_stream_table_suspend(Oid relid);

/* One of name and schema is NULL, and stays as it is. */
extern void st_stream_table_rename(Oid relid, const char *name, const char *schema);

/* Other words for the same query: with names in full, for any search_path. */
extern void st_stream_table_set_query(const StStreamTable *table, const char *text);

/* In what is said to be read of a source. */
extern void st_dependencies_rename_column(Oid source, const char *old_name, const char *new_name);
extern void st_stream_table_accept_owner(int64 pgt_id, Oid owner);

/*
 * Lock the rows of a stream table against other writers. Who is going to write
 * both without having its node locked calls this first: a refresh writes that of
 * stream_table_internals before that of pgt_stream_tables. Raises 42P01 if it was
 * dropped, also while it is waited for, unless that is "missing_ok".
 */
extern void st_stream_table_lock_rows(Oid relid, bool missing_ok);

/* OIDs of the stream tables of a schema, InvalidOid: of all. Runs no statement. */
extern List *st_stream_tables_in(Oid schema);

/* The role that owns a relation; raises 42P01 if it is gone. */
extern Oid	st_relation_owner(Oid relid);

/*
 * What users have given, as columns of pgt_stream_tables: name and value as
 * text in turn; columns that are NULL are left out. Its refresh group as well:
 * refresh_group and refresh_group_isolation.
 */
extern List *st_stream_table_options(Oid relid);

/* Strings as an SQL array of text, for the catalog. */
extern Datum st_text_array(List *strings);

/* The relation of a stream table; InvalidOid if there is none with this number. */
extern Oid	st_stream_table_by_id(int64 pgt_id);

/*
 * Run a statement on the extension's own tables as their owner, with a pinned
 * search_path. Returns the number of rows; raises on anything but success.
 * Results are read by the caller from SPI_tuptable before SPI_finish; this
 * function neither connects nor finishes. The plan is kept for the session, so
 * the text must not hold values; the same text has the same types.
 */
extern uint64 st_catalog_execute(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls);

/* The OIDs that such a statement returns in its only column. Connects to SPI itself. */
extern List *st_catalog_oids(const char *sql, int nargs, Oid *types, Datum *values);

/* Relations that a stream table reads, views too, by OID. */
extern List *st_sources_of(int64 pgt_id);

#endif							/* ST_CATALOG_STREAM_TABLE_H */
