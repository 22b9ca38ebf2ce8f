/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a query and a wanted mode make of a stream table; shared by its
 *	  creation and by changes of its mode.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_DEFINITION_H
#define ST_API_DEFINITION_H

#include "postgres.h"

#include "refresh/refresh.h"

typedef struct StDefinition
{
	const char *name;			/* for messages; NULL: no warnings */
	Query	   *analysed;		/* views not expanded */
	Query	   *query;
	const char *text;			/* that the query's locations point into, NULL
								 * if none */
	const char *requested_mode; /* AUTO, FULL or DIFFERENTIAL */

	/* set by st_definition_decide */
	const char *mode;			/* stored: FULL or DIFFERENTIAL */
	const char *reason;			/* of mode FULL */
	StTree	   *tree;			/* NULL in mode FULL */
	List	   *sources;		/* of StSource; in mode FULL empty */
	bool		polls;			/* some of them through copies */
	StIdentity	identity;

	List	   *copies;			/* OIDs, by st_definition_prepare_copies */

	Oid			relid;
	int			nstates;
	Oid		   *states;			/* by st_definition_create_states */
} StDefinition;

/*
 * Decide between FULL and DIFFERENTIAL for name, query and requested_mode. An
 * explicit DIFFERENTIAL that cannot be is 0A000, or 42501 without the right to
 * capture (rule J16); AUTO warns. Rights are those of the current user.
 */
extern void st_definition_decide(StDefinition *definition);

/* Columns of the query's result, of ColumnDef. */
extern List *st_result_columns(Query *query);

/*
 * The identity's keys are positions in the result, which are attribute numbers
 * of a table that is to be made: of one that exists, look them up by name.
 */
extern void st_definition_map_identity(StDefinition *definition);
extern bool st_same_identity(const StIdentity *a, const StIdentity *b);

/*
 * Find or make the copies of what is to be followed through copies, and let the
 * tree and the sources be those of a query over the copies. Until then they are
 * good for judging only. Locks the copies against refreshes.
 */
extern void st_definition_prepare_copies(StDefinition *definition);

/* Fill those copies that are empty, before they are captured. */
extern void st_definition_fill_copies(StDefinition *definition);

/*
 * The locks of lifecycle calls, in the one order that keeps clear of each
 * other, of writers and of refreshes (src/README.md): sources that are base
 * tables by OID, nodes (StStreamTable) in their order, sources that are stream
 * tables by OID. Whoever refreshes under these locks names the upstreams among
 * the nodes. "sources" is sorted.
 */
extern void st_definition_lock(List *sources, List *nodes);

/* What such a call needs; lists of OIDs but for the nodes. */
typedef struct StLockSet
{
	List	   *read;			/* tables and views to be read, before the
								 * nodes */
	List	   *sources;		/* as for st_definition_lock */
	List	   *nodes;			/* likewise */
	List	   *going;			/* stream tables for AccessExclusiveLock,
								 * those that are read by others first, and
								 * what goes with them */
} StLockSet;

/* What a definition reads, and of that what is to be captured; it need not have its copies. */
extern void st_lock_set_add_definition(StLockSet *set, const StDefinition *definition);

/* The nodes that a refresh of the stream table takes along, and what they read. */
extern void st_lock_set_add_group(StLockSet *set, StStreamTable *table);

/*
 * Take the locks that "look" tells, which may lock what it looks at: none of
 * that is kept. As what it finds may be another thing when the locks are there,
 * it is called again under them; if it wants more by then, all are let go, and
 * taken anew. Returns how the last call has filled the set.
 */
typedef void (*StLockLook) (StLockSet *set, void *arg);
extern StLockSet *st_definition_lock_all(StLockLook look, void *arg);

/* Only look. */
extern StLockSet *st_definition_look(StLockLook look, void *arg);

/* OIDs of the sources to capture. */
extern List *st_definition_sources(const StDefinition *definition);

/* Capture all sources, which are locked, with a NOTICE that their writers wait. */
extern void st_definition_install_capture(StDefinition *definition);

/* Make the state tables, empty and without indexes. */
extern void st_definition_create_states(StDefinition *definition, int64 pgt_id);

/* Make the indexes of the states and, with "own", of the stream table's identity. */
extern void st_definition_create_indexes(StDefinition *definition, bool own);

/*
 * How a stream table that exists comes to another identity. The rows that it has
 * need not have the new one: two of them may have one key, or none. Until they
 * are recomputed they are found by their image; the recompute settles it.
 */
typedef struct StIdentityChange
{
	StIdentity	before;
	bool		same;			/* nothing changes */
	bool		left;			/* the index of the identity before is there,
								 * and goes at the end */
} StIdentityChange;

/*
 * Let the mapped identity of a definition be one that the present rows can have;
 * "filled": there are some. If they are "unlike" those to come, a unique index
 * that those might violate goes at once, which locks readers out. Returns
 * whether the index of the definition's identity is to be made.
 */
extern bool st_identity_change_begin(StIdentityChange *change, StDefinition *definition, bool filled, bool unlike);

/* Drop the index that served before, if it is there still. */
extern void st_identity_change_end(const StIdentityChange *change, const StStreamTable *table);

/*
 * What is kept of a definition beside its query: modes, states, identity,
 * copies. SPI is connected.
 */
extern void st_definition_update_internals(StDefinition *definition, int64 pgt_id);

/*
 * Write the stream table's row of stream_table_internals; SPI is connected.
 * "settings" are names and values in turn (st_settings_now), "owner" the role
 * with whose rights the query may run.
 */
extern void st_definition_write_internals(StDefinition *definition, int64 pgt_id, List *settings,
										  const char *search_path, Oid owner);

/*
 * Write what the catalog tells of the query: columns of its row of
 * pgt_stream_tables, and its rows of pgt_dependencies. SPI is connected.
 */
extern void st_definition_write_facts(StDefinition *definition, int64 pgt_id);

/* The first source of the query that has no primary key, or InvalidOid. Stream tables need none. */
extern Oid	st_keyless_source(Query *query);

/* SQL arrays for the catalog. */
extern Datum st_oid_array(int n, const Oid *oids);
extern Datum st_oid_list_array(List *oids);
extern Datum st_attnum_array(int n, const AttrNumber *attnums);

/* Columns unindexed_relations and unindexed_columns of the catalog: what the tree's states rest on. */
extern void st_definition_unindexed(const StDefinition *definition, Datum *relations, Datum *columns);

/* The CREATE INDEX statement that would help. */
extern char *st_index_advice_sql(const StLookup *advice);

/* A NOTICE for each index that refreshes would use if it were there (rule E6). */
extern void st_definition_advise(const StDefinition *definition);

#endif							/* ST_API_DEFINITION_H */
