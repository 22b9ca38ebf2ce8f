/*-------------------------------------------------------------------------
 *
 * rename.h
 *	  Stored text follows when something that it names is renamed or moved.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_RENAME_H
#define ST_API_RENAME_H

/*
 * The stored query of a stream table that this transaction has given it says the
 * names that its schemas have, and will when others see it: who renames one
 * waits for our end. To be called when all else is done, since we may wait for him.
 */
extern void st_rename_settle(Oid relid);

/* Watch for it; from _PG_init only. */
extern void st_rename_init(void);

#endif							/* ST_API_RENAME_H */
