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
	const char *name;			/* for messages */
	Query	   *query;
	const char *requested_mode; /* AUTO, FULL or DIFFERENTIAL */

	/* set by st_definition_decide */
	const char *mode;			/* stored: FULL or DIFFERENTIAL */
	const char *reason;			/* of mode FULL */
	StTree	   *tree;			/* NULL in mode FULL */
	List	   *sources;		/* of StSource; in mode FULL empty */
	StIdentity	identity;

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

/* Capture all sources, by OID; locks them against writers, with a NOTICE. */
extern void st_definition_install_capture(StDefinition *definition);

/*
 * The locks under which capture of sources can be taken away from a stream
 * table, in the order that keeps clear of writers and refreshes: base tables
 * by OID, the node, stream tables that are sources.
 */
extern void st_definition_lock_sources(List *sources, int64 pgt_id);

/*
 * The same without the node: for a stream table that plain SQL has dropped,
 * which nobody can refresh and whose node may wait for the dropped table.
 */
extern void st_definition_lock_captured(List *sources);

/* Make the state tables, empty and without indexes. */
extern void st_definition_create_states(StDefinition *definition, int64 pgt_id);

/* Make the indexes of the states and, with "own", of the stream table's identity. */
extern void st_definition_create_indexes(StDefinition *definition, bool own);

/* Replace the stream table's rows of pgt_dependencies; SPI is connected. */
extern void st_definition_write_dependencies(StDefinition *definition, int64 pgt_id);

/* SQL arrays for the catalog. */
extern Datum st_text_array(List *strings);
extern Datum st_oid_array(int n, const Oid *oids);
extern Datum st_attnum_array(int n, const AttrNumber *attnums);

/* The CREATE INDEX statement that would help. */
extern char *st_index_advice_sql(const StIndexAdvice *advice);

/* A NOTICE for each index that refreshes would use if it were there (rule E6). */
extern void st_definition_advise(const StDefinition *definition);

#endif							/* ST_API_DEFINITION_H */
