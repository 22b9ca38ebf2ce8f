/*-------------------------------------------------------------------------
 *
 * fuse.h
 *	  Fuses of stream tables, as a refresh reads them (rule K10).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_FUSE_H
#define ST_CATALOG_FUSE_H

#include "postgres.h"

#include "catalog/stream_table.h"
#include "utils/snapshot.h"

typedef struct StFuse
{
	bool		on;				/* armed, and not off */
	bool		only_if_cheaper;	/* mode auto */
	int64		ceiling;		/* 0: the setting's */
	int			sensitivity;	/* refreshes in a row that must exceed it */
	int			observations;	/* that have; -1: anything is allowed once */
} StFuse;

/* The fuse of a stream table; false: it is not there under this snapshot. */
extern bool st_fuse_read(StStreamTable *table, Snapshot snapshot, StFuse *fuse);

/*
 * For a stream table that is to go on: if its fuse has blown, it is armed.
 * "once": what has made it blow may be applied. The caller is connected to SPI.
 */
extern void st_fuse_arm(int64 pgt_id, bool once);

#endif							/* ST_CATALOG_FUSE_H */
