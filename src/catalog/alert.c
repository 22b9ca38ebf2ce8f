/*-------------------------------------------------------------------------
 *
 * alert.c
 *	  NOTIFY for those who watch stream tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/async.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "catalog/alert.h"

/* a payload has to be shorter than 8000 bytes, and escapes take up to six times the text */
#define MAX_TEXT 1200

void
st_alert_add_text(StAlert *alert, const char *key, const char *value)
{
	int			length = strlen(value);
	int			kept = pg_mbcliplen(value, length, MAX_TEXT);

	appendStringInfoString(&alert->json, alert->json.len > 1 ? ", " : "");
	escape_json(&alert->json, key);
	appendStringInfoString(&alert->json, ": ");
	escape_json(&alert->json, kept < length ? psprintf("%s...", pnstrdup(value, kept)) : value);
}

void
st_alert_add_number(StAlert *alert, const char *key, int64 value)
{
	appendStringInfoString(&alert->json, alert->json.len > 1 ? ", " : "");
	escape_json(&alert->json, key);
	appendStringInfo(&alert->json, ": " INT64_FORMAT, value);
}

void
st_alert_begin(StAlert *alert, const char *event, const char *schema, const char *name)
{
	initStringInfo(&alert->json);
	appendStringInfoChar(&alert->json, '{');
	st_alert_add_text(alert, "event", event);
	if (name == NULL)
		return;
	st_alert_add_text(alert, "pgt_schema", schema);
	st_alert_add_text(alert, "pgt_name", name);
	st_alert_add_text(alert, "st", psprintf("%s.%s", schema, name));
}

void
st_alert_send(StAlert *alert)
{
	appendStringInfoChar(&alert->json, '}');
	Async_Notify("pg_trickle_alert", alert->json.data);
	Async_Notify("pgtrickle_alert", alert->json.data);
}
