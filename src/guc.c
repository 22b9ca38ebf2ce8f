/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Every setting, in alphabetical order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "guc.h"

int			st_guc_history_retention_days = 90;
bool		st_guc_log_refresh = false;
int			st_guc_max_log_age = 24 * 60 * 60;
int			st_guc_max_log_bytes = 16 * 1024 * 1024;
int			st_guc_min_schedule_seconds = 1;
int			st_guc_session_memory_limit = 32 * 1024;
bool		st_guc_unlogged_buffers = false;
int			st_guc_volatile_function_policy = ST_VOLATILE_REJECT;

static const struct config_enum_entry volatile_function_policies[] = {
	{"reject", ST_VOLATILE_REJECT, false},
	{"warn", ST_VOLATILE_WARN, false},
	{"allow", ST_VOLATILE_ALLOW, false},
	{NULL, 0, false}
};

void
st_guc_init(void)
{
	DefineCustomIntVariable("pg_trickle.history_retention_days",
							"How many days the refresh history goes back.",
							"Beside, it keeps the newest 1000 runs of each stream table. 0 keeps everything.",
							&st_guc_history_retention_days, 90, 0, 36500, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("pg_trickle.log_refresh",
							 "Writes each refresh to the server log.",
							 "A message per refreshed stream table: what it did, and each step with rows and time.",
							 &st_guc_log_refresh, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trickle.max_log_age",
							"How long a stream table that is not refreshed may hold a change log.",
							"After that the log is given back and the stream table recomputed at its next refresh. 0: without limit.",
							&st_guc_max_log_age, 24 * 60 * 60, 0, INT_MAX / 1000, PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trickle.max_log_bytes",
							"How large a change log may become while a stream table that is not refreshed holds it.",
							"Beyond that the log is given back and the stream table recomputed at its next refresh. 0: without limit.",
							&st_guc_max_log_bytes, 16 * 1024 * 1024, 0, INT_MAX, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trickle.min_schedule_seconds",
							"Shortest schedule that a stream table may be given, in seconds.",
							"Applies to durations when they are set, not to cron expressions.",
							&st_guc_min_schedule_seconds, 1, 1, 86400, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trickle.session_memory_limit",
							"How much memory a session keeps for what it knows of stream tables.",
							"Analysed queries and plans of those that were not refreshed for longest are thrown away and made anew when they are needed. 0: without limit.",
							&st_guc_session_memory_limit, 32 * 1024, 0, INT_MAX, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomBoolVariable("pg_trickle.unlogged_buffers",
							 "Creates change logs UNLOGGED.",
							 "Capture writes less WAL; after a crash the stream tables that read such a log are recomputed.",
							 &st_guc_unlogged_buffers, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_trickle.volatile_function_policy",
							 "What happens to a query that calls volatile functions.",
							 "reject: an error, except for refresh mode FULL; warn: a warning and a recompute at each refresh; allow: the same without the warning.",
							 &st_guc_volatile_function_policy, ST_VOLATILE_REJECT,
							 volatile_function_policies, PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("pg_trickle");
}
