/*-------------------------------------------------------------------------
 *
 * shared_area.c
 *	  Pieces of shared memory that are there with and without preloading.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "util/fault.h"
#include "util/shared_area.h"

static StSharedArea *areas = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
attach(StSharedArea *area, bool is_large)
{
	bool		found;
	void	   *memory;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct(area->name, is_large ? area->large : area->small, &found);
	area->attached(memory, found, is_large);
	LWLockRelease(AddinShmemInitLock);
	area->tried = true;
}

static void
request_areas(void)
{
	if (previous_request_hook)
		previous_request_hook();
	for (StSharedArea *area = areas; area; area = area->next)
		RequestAddinShmemSpace(area->large);
}

static void
start_areas(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	for (StSharedArea *area = areas; area; area = area->next)
		attach(area, true);
}

void
st_shared_area_register(StSharedArea *area)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (areas == NULL)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request_areas;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = start_areas;
	}
	area->next = areas;
	areas = area;
}

void
st_shared_area_attach(StSharedArea *area)
{
	MemoryContext context = CurrentMemoryContext;

	if (area->tried)
		return;
	area->tried = true;
	PG_TRY();
	{
		if (ST_FAULT("no shared memory"))
			elog(ERROR, "no shared memory");
		attach(area, false);
	}
	PG_CATCH();
	{
		if (ST_FAULT("H7"))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		if (LWLockHeldByMe(AddinShmemInitLock))
			LWLockRelease(AddinShmemInitLock);
	}
	PG_END_TRY();
}

void
st_shared_text(char *target, const char *text, Size room)
{
	strlcpy(target, text, room);
	target[pg_mbcliplen(target, strlen(target), room - 1)] = '\0';
}
