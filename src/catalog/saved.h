/*-------------------------------------------------------------------------
 *
 * saved.h
 *	  Definitions of stream tables as pg_dump carries them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_SAVED_H
#define ST_CATALOG_SAVED_H

#include "postgres.h"

#define ST_SAVED_SCHEMA		"pgtrickle_saved"

/*
 * The definition of this stream table has changed in this transaction, or it
 * was created or dropped: at its end the saved row follows. From whoever writes
 * the catalog; cheap, and may be called for any relation.
 */
extern void st_saved_note(Oid relid);

/*
 * The same of a source's gate, watermark and watermark groups. Also when it is
 * renamed or moved; with a schema when that is renamed.
 */
extern void st_saved_note_source(Oid relid);
extern void st_saved_note_sources_of(Oid schema);

typedef enum StSavedState
{
	ST_SAVED_NONE,				/* no row without its table, or its problem is
								 * known */
	ST_SAVED_WAITS,				/* some, of a restore that may be going on */
	ST_SAVED_READY				/* some, and who restored them has left */
} StSavedState;

/* Has a restore brought rows of which nobody has made stream tables, gates and so on? Reads all rows. */
extern StSavedState st_saved_state(void);

#endif							/* ST_CATALOG_SAVED_H */
