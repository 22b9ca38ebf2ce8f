/*-------------------------------------------------------------------------
 *
 * init.c
 *	  Loading of the library.
 *
 * The library is loaded by the first call of one of its functions, capture
 * triggers included, or by shared_preload_libraries; only the start of the
 * launcher with the server depends on the latter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "api/partition.h"
#include "api/redefine.h"
#include "api/refuse.h"
#include "api/rename.h"
#include "api/source_ddl.h"
#include "apply/apply.h"
#include "capture/capture.h"
#include "catalog/depend.h"
#include "guc.h"
#include "refresh/refresh.h"
#include "schedule/schedule.h"
#include "store/commit_time.h"
#include "store/wake.h"
#include "util/counters.h"
#include "util/fault.h"
#include "util/statement.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	st_fault_init();
	st_guc_init();
	/* a cluster being upgraded captures and refreshes nothing */
	if (IsBinaryUpgrade)
		return;
	st_statement_init();
	st_wake_init();
	st_commit_time_init();
	st_counters_init();
	st_capture_init();
	st_guard_init();
	st_depend_init();
	st_refuse_init();
	st_rename_init();
	st_redefine_init();
	st_source_ddl_init();
	st_partition_ddl_init();
	st_refresh_init();
	st_schedule_init();
}
