/*-------------------------------------------------------------------------
 *
 * refresh.h
 *	  Bringing stream tables up to date: the room that knows all others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_REFRESH_H
#define ST_REFRESH_REFRESH_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "storage/lockdefs.h"

#include "apply/apply.h"
#include "catalog/stream_table.h"
#include "delta/delta.h"
#include "refresh/hold.h"

/* What a refresh did; all times in milliseconds. */
typedef struct StRefreshOutcome
{
	const char *action;			/* NO_DATA, DIFFERENTIAL, FULL, REINITIALIZE */
	const char *reason;			/* of a recompute, or NULL */
	bool		fallback;		/* planned differential, recomputed */
	int64		delta_rows;
	int64		minus_rows;		/* of these, rows that were deleted or updated */
	bool		netted;			/* changes of a source cancelled each other,
								 * or were the same */
	bool		reverted;		/* it is not append_only any more */
	int64		clock_rows;		/* changes of rows that are compared with
								 * now() */
	int64		log_pages;		/* read from change logs */
	StApplyResult applied;
	double		read_ms;
	double		delta_ms;
	double		apply_ms;
	double		full_ms;		/* of the recompute alone */
	int			budget;			/* level of the delta's, see st_budget_begin */
	int			iterations;		/* of its component, in which it had something
								 * to do; 0: it is in none */
	double		change_ratio;	/* changed rows by those of their source, the
								 * greatest */
	double		read_budget_ms; /* that reading a log may take; 0: without
								 * limit */
	bool		read_spent;		/* it took longer */
	StringInfo	steps;			/* a line per step, for the log; NULL: not
								 * wanted */
	bool		undo;			/* one that is refreshed together with others
								 * was found to be held after some of them:
								 * the caller rolls back */
	List	   *nodes;			/* of StNodeRun, of all that the group has;
								 * st_refresh_scheduled only */
} StRefreshOutcome;

/* What a refresh did with one of its stream tables. */
typedef struct StNodeRun
{
	Oid			relid;
	StHold	   *hold;			/* NULL, or why it was left as it is */
	const char *action;			/* as in StRefreshOutcome; of what is held:
								 * SKIP */
	const char *reason;
	bool		reverted;		/* as in StRefreshOutcome */
	bool		recorded;		/* it has left a row in the history */
	StApplyResult applied;
	int64		delta_rows;
	double		read_ms;
	double		delta_ms;
	double		apply_ms;
	double		ms;
} StNodeRun;

/* A stream table as this session knows it. */
typedef struct StEntry
{
	Oid			relid;
	bool		valid;
	bool		doubtful;		/* a relation was invalidated; to be looked at */
	int			analyzed;		/* how often nothing was found then */
	MemoryContext context;
	Size		bytes;			/* of the context, when it was last released */
	uint64		last_used;
	StStreamTable *table;
	Oid			owner;
	List	   *relations;		/* OIDs of sources in order, then of views and
								 * copies */
	List	   *marks;			/* of StRelationMark, parallel to relations */
	List	   *members;		/* OIDs of itself and its partitions */
	List	   *row_types;		/* OIDs of the relations of row types it uses */
	char	   *functions_fingerprint;	/* as it is now; differs: recompute */
	char	   *guard_fingerprint;	/* likewise */
	StProgram  *program;		/* NULL: recomputed always */
	const char *reason;			/* why, if so */
	int			njoins;			/* of its query */
	struct StCosts *costs;		/* of an automatic choice, see cost.h; NULL:
								 * there is none */
	bool		stays_stale;	/* its logs are not read meanwhile: recompute
								 * until they are */
	bool		needs_states;	/* that is so until the definition is adapted */
	StStatement *original;		/* the user's query as it stands */
	TupleDesc	desc;			/* result columns, in the query's order */
	AttrNumber *keys;			/* those of the identity, 1.. in "desc" */
	StIdentity	identity;		/* what it should be, if it is not what it was */
	bool		identity_changed;	/* at once */
	bool		identity_waits; /* for the next recompute */
	StApplier  *applier;
	StApplier **state_appliers;
} StEntry;

/*
 * The session's entry for a stream table, made or made anew if something that
 * it depends on has changed. Takes AccessShareLock on its sources, then on
 * itself. Raises 42P01 if the relation is no stream table. Valid until entries
 * are got again or held; one that was got while they are held, until they are
 * released.
 */
extern StEntry *st_entry_get(Oid relid);

/*
 * Are its rows to be found otherwise at its next refresh, which keeps readers out?
 * Does not wait for a lock, and leaves none: false where that does not tell.
 */
extern bool st_entry_changes_identity(Oid relid);

/*
 * What st_entry_get() locks, for all of "relids", and those as who writes them,
 * or, those that are "remade" too, as who keeps readers out, unless one of those
 * relations is not to be had without waiting: then nothing, and that one is
 * returned, with the mode that it is wanted in. A lock that grew stronger while
 * sources are locked would be waited for with them.
 */
extern Oid	st_entries_lock_nowait(List *relids, List *remade, LOCKMODE *mode);

/* The relations it reads, views too, without a lock on them. */
extern List *st_entry_sources(StStreamTable *table);

/*
 * The stored query of a stream table, after checking that what it names is
 * still there and as it was; raises 42P01 or 42P17. Takes AccessShareLock on
 * its sources.
 */
extern Query *st_stored_query(StStreamTable *table);

/*
 * Why the stored definition of a stream table is no longer what its query means,
 * since something that it reads was altered; NULL: it is. "retyped": its text
 * must be analysed again, not only its views expanded. Raises as
 * st_stored_query() if there is no way to adapt it. Leaves no lock, and waits
 * for none: NULL too if somebody is altering what it reads.
 */
extern const char *st_entry_outdated(StStreamTable *table, bool *retyped);

/*
 * Set by the room above: makes the definition of a stream table anew if it is
 * out of date, and returns why that was, or NULL. Takes the locks of lifecycle
 * calls, so the caller has none, and the nodes of "group" (of StStreamTable), of
 * which it is one and which the caller is going to lock. The next refresh
 * recomputes.
 */
extern const char *(*st_refresh_adapt) (Oid relid, List *group);

/* How the rows of a tree's result are found again. */
extern void st_identity_of_tree(StTree *tree, StIdentity *identity);

/*
 * Until they are released, or the transaction ends, no entry that was handed
 * out goes away. Whoever runs or plans a statement of an entry holds them: that
 * may run functions of users, and those a refresh. Nested; the outermost calls
 * free those that have become invalid, and those that were not used for longest
 * where all together are too large (rule L9).
 */
extern void st_entries_hold(void);
extern void st_entries_release(void);

/*
 * Run as the owner of the stream table, restricted, under pinned settings and
 * search_path (rules E15, J15), until st_owner_leave.
 */
typedef struct StOwnerScope
{
	Oid			user;
	int			context;
	int			level;
	ErrorContextCallback hint;
} StOwnerScope;
extern void st_owner_enter(StOwnerScope *scope, Oid owner, List *settings);
extern void st_owner_leave(StOwnerScope *scope);

/* Name/value list of the settings a result may depend on, as they are now. */
extern List *st_settings_now(void);

/*
 * Refresh a stream table and the stale stream tables above it, in this
 * transaction and one snapshot. Returns false if another session refreshes
 * it. "full": recompute it whatever its mode.
 */
extern bool st_refresh(Oid relid, const char *initiated_by, bool full, StRefreshOutcome *outcome);

/*
 * The same for the scheduler, which knows what is stale: of the stream tables
 * above it only those of "along" are refreshed, by rank and then by pgt_id,
 * greatest first; others are read as they are. "units" has a number for each of
 * them, and one more for relid: those that have the same, but for 0, are
 * refreshed together, of which one may have been suspended by its own error if "probe"
 * is set, or not at all. Those that follow their changes leave a row in the history
 * only if "record" is set (rule K23).
 */
extern bool st_refresh_scheduled(Oid relid, List *along, List *units, bool probe, bool record, StRefreshOutcome *outcome);

/* The stream table that the last call of st_refresh() was at when it raised. */
extern Oid	st_refresh_failed_relation(void);

/*
 * Keep refreshes of a stream table away until the end of the transaction.
 * Returns false if another session does and "wait" is not set.
 */
extern bool st_refresh_lock(int64 pgt_id, bool wait);

/* Whose transactions keep it from being had: process ids and names of prepared ones; NULL: nobody's. */
extern char *st_refresh_lock_holders(int64 pgt_id);

/* Let go what one st_refresh_lock of this transaction has taken, before anything was done under it. */
extern void st_refresh_unlock(int64 pgt_id);

/*
 * Wait until the stream table, or the relation in this mode, could be locked,
 * and go on without: for who has just let go all that others may wait for.
 */
extern void st_refresh_wait(int64 pgt_id);
extern void st_relation_wait(Oid relid, LOCKMODE mode);

/*
 * What a refresh of the stream table takes along (of StStreamTable): what reads
 * before what is read. Takes no lock on a source: who waits for a node with one
 * could keep the holder of the node from the source.
 */
extern List *st_refresh_nodes(StStreamTable *table);

/* Any stream tables (of StStreamTable), each once, in the order in which everybody locks nodes. */
extern List *st_refresh_lock_order(List *tables);

/*
 * Let a stream table forget what has changed since its last refresh: its
 * frontiers advance, its contents stay. False: another session refreshes it.
 */
extern bool st_refresh_skip(Oid relid);

/* First fill of a stream table that this transaction has created. */
extern void st_refresh_initial(Oid relid, StRefreshOutcome *outcome);

/*
 * Give a stream table the rows of another relation with its columns, which a
 * refresh has filled in this transaction; "empty": it has none itself. The caller
 * has the node, and has the table locked.
 */
extern void st_refresh_take_over(Oid relid, Oid from, bool empty);

/*
 * Compare with the query at the frontier (rules A1, by row image): how many
 * rows are missing and unexpected, and some of them as jsonb text, or NULL.
 */
extern bool st_verify(Oid relid, int64 *missing, int64 *unexpected, char **sample);

/*
 * When a row will next have another answer to a comparison with now(), as the
 * sources and states are under the snapshot; DT_NOEND: never, or there is none.
 * Runs as the owner; the caller holds entries.
 */
extern TimestampTz st_next_time(StEntry *entry, Snapshot snapshot);

/* Register what the rooms below ask of this one; once, from _PG_init. */
extern void st_refresh_init(void);

/*
 * Throw away what this session knows of all stream tables, and let the others
 * do so before their next refresh; how many it was here. What is in use stays
 * until it is not.
 */
extern int	st_entries_clear(void);

/* How many this session knows. */
extern int	st_entries_count(void);

/* Drop a session's entries; for tests of invalidation and memory. */
extern void st_entry_forget(Oid relid);

#endif							/* ST_REFRESH_REFRESH_H */
