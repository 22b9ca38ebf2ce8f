/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  One counter for all caches of what writers and readers know.
 *
 * NOTES
 *	  A cache entry remembers the counter as it was before the entry was
 *	  filled; it holds as long as the counter stands still. Entries are few
 *	  and cheap to fill, so one counter for all of them is enough.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "store/store.h"

static HTAB *watched = NULL;
static uint64 counter = 1;

static void
relation_changed(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || hash_search(watched, &relid, HASH_FIND, NULL) != NULL)
		counter++;
}

static void
catalog_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	counter++;
}

static void
start_watching(void)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Oid);
	watched = hash_create("pg_trickle watched relations", 64, &ctl,
						  HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	/* a subscription decides the kind of trigger (rule B5) */
	CacheRegisterSyscacheCallback(SUBSCRIPTIONRELMAP, catalog_changed, (Datum) 0);
	/* the extension itself may come and go */
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
}

void
st_watch_relation(Oid relid)
{
	if (watched == NULL)
		start_watching();
	(void) hash_search(watched, &relid, HASH_ENTER, NULL);
}

uint64
st_watch_counter(void)
{
	if (watched == NULL)
		start_watching();
	return counter;
}

void
st_watch_forget(void)
{
	counter++;
}

void *
st_watched_entry(HTAB **cache, const char *name, Size size, Oid relid, bool *filled)
{
	StWatched  *entry;
	bool		found;

	if (*cache == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = size;
		*cache = hash_create(name, 32, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(*cache, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(entry, 0, size);
		entry->relid = relid;
	}
	*filled = entry->counter == counter;
	if (!*filled)
	{
		/* one that is filled has been watched since */
		st_watch_relation(relid);
		entry->counter = 0;		/* nothing, should filling it fail */
		entry->begun = counter;
	}
	return entry;
}

void
st_watched_filled(StWatched *entry)
{
	entry->counter = entry->begun;
}
