/*-------------------------------------------------------------------------
 *
 * alert.h
 *	  NOTIFY for those who watch stream tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_ALERT_H
#define ST_CATALOG_ALERT_H

#include "postgres.h"
#include "lib/stringinfo.h"

/* Keys of an alert, in the making: a JSON object without its last brace. */
typedef struct StAlert
{
	StringInfoData json;
} StAlert;

/* Begin an alert; "name" may be NULL if it is about no stream table. */
extern void st_alert_begin(StAlert *alert, const char *event, const char *schema, const char *name);
extern void st_alert_add_text(StAlert *alert, const char *key, const char *value);
extern void st_alert_add_number(StAlert *alert, const char *key, int64 value);

/*
 * Send it on both channels when this transaction commits. Never in the
 * transaction of a refresh: a full queue would fail it (rule K22).
 */
extern void st_alert_send(StAlert *alert);

#endif							/* ST_CATALOG_ALERT_H */
