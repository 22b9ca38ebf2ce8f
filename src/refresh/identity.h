/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Stream tables whose rows are to be found by another identity.
 *
 * Both lock readers of the stream table out until the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_IDENTITY_H
#define ST_REFRESH_IDENTITY_H

#include "refresh/refresh.h"

/*
 * The key that rows were found by is no longer a key of its source (rule J13).
 * Called before anything is written; marks for recompute.
 */
extern void st_identity_change(StEntry *entry);

/*
 * The stream table was recomputed: its rows are those of its query, and can be
 * found as that says. Readers keep it for another recompute: waited for, with
 * the sources locked, they might want one of those.
 */
extern void st_identity_settle(StEntry *entry);

#endif							/* ST_REFRESH_IDENTITY_H */
