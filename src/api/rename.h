/*-------------------------------------------------------------------------
 *
 * rename.h
 *	  Stored text follows when something that it names is renamed or moved.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_RENAME_H
#define ST_API_RENAME_H

/* Watch for it; from _PG_init only. */
extern void st_rename_init(void);

#endif							/* ST_API_RENAME_H */
