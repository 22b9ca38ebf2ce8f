/*-------------------------------------------------------------------------
 *
 * counters.c
 *	  What has happened in the whole server since its start.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"

#include "util/counters.h"
#include "util/shared_area.h"

#define AREA_NAME "pg_trickle counters 1"

static pg_atomic_uint64 *counters = NULL;
static pg_atomic_uint64 own_counters[ST_NCOUNTERS];

static void init_area(void *memory, bool found, bool is_large);
static StSharedArea shared = {
	.name = AREA_NAME,
	.large = sizeof(own_counters),
	.small = sizeof(own_counters),
	.attached = init_area
};

static void
zero(pg_atomic_uint64 *all)
{
	for (int i = 0; i < ST_NCOUNTERS; i++)
		pg_atomic_init_u64(&all[i], 0);
}

static void
init_area(void *memory, bool found, bool is_large)
{
	counters = memory;
	if (!found)
		zero(counters);
}

static pg_atomic_uint64 *
attached(void)
{
	if (counters == NULL)
		st_shared_area_attach(&shared);
	if (counters == NULL)
	{
		zero(own_counters);
		counters = own_counters;
	}
	return counters;
}

void
st_count(StCounter counter, uint64 n)
{
	(void) pg_atomic_fetch_add_u64(&attached()[counter], n);
}

uint64
st_counted(StCounter counter)
{
	return pg_atomic_read_u64(&attached()[counter]);
}

void
st_counters_init(void)
{
	st_shared_area_register(&shared);
}
