/*-------------------------------------------------------------------------
 *
 * fuse.h
 *	  Fuses as alter_stream_table() sets them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_FUSE_H
#define ST_API_FUSE_H

#include "postgres.h"

/* Each raises 22023 for a bad value. The caller is connected to SPI and has checked rights. */
extern void st_alter_fuse_mode(Oid relid, const char *mode);
extern void st_alter_fuse_ceiling(Oid relid, int64 ceiling);
extern void st_alter_fuse_sensitivity(Oid relid, int sensitivity);

#endif							/* ST_API_FUSE_H */
