/*-------------------------------------------------------------------------
 *
 * online.h
 *	  Capture for a creation that does not keep writers out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_ONLINE_H
#define ST_API_ONLINE_H

#include "postgres.h"

#include "api/definition.h"

/*
 * Put committed capture on the sources of a definition and keep it there to
 * the end of the transaction, without a lock that their writers feel for more
 * than a moment. False, with nothing changed, if that must be done in this
 * transaction: it has written or locked something, or no process is to be had.
 * The sources are not locked: whoever has locked them by analysing the query
 * asks st_online_is_captured() whether it is still so.
 * Raises 55P03, naming who is in the way, when the sources cannot be locked for
 * as long as lock_timeout says, or five minutes; 42501 as st_capture_install.
 */
extern bool st_online_install_capture(StDefinition *definition);

/* Is all that the definition needs captured, and that committed? */
extern bool st_online_is_captured(const StDefinition *definition);

extern PGDLLEXPORT void st_installer_main(Datum argument);

#endif							/* ST_API_ONLINE_H */
