/*-------------------------------------------------------------------------
 *
 * partition.h
 *	  Stream tables that are partitioned: the parameter partition_by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_PARTITION_H
#define ST_API_PARTITION_H

#include "postgres.h"
#include "nodes/parsenodes.h"

typedef enum StPartitionKind
{
	ST_PARTITION_RANGE,
	ST_PARTITION_LIST,
	ST_PARTITION_HASH
} StPartitionKind;

typedef struct StPartitioning
{
	StPartitionKind kind;
	List	   *columns;		/* names */
	int			modulus;		/* HASH: number of partitions */
} StPartitioning;

/* Read "col[,col]", "LIST:col" or "HASH:col[:modulus]"; raises 22023. */
extern StPartitioning *st_partitioning_parse(const char *text);

/* Raise 22023 unless all of its columns are among these, of ColumnDef. */
extern void st_partitioning_check(const StPartitioning *partitioning, List *columns);

/*
 * Make the table of a stream table, with its partitions if it has any: one for
 * all that no other is for, or as many as the modulus says. As the current
 * user, whose it will be. It has neither guard nor index.
 */
extern Oid	st_partitioning_create_table(RangeVar *name, List *columns, const StPartitioning *partitioning);

/*
 * Give a stream table another partitioning, none if the text is empty. It
 * becomes another relation of the same name, with the same rows, rights,
 * comments and indexes; 2BP01 if something stands in the way. Returns the OID,
 * which is the old one if the text is what it was.
 */
extern Oid	st_repartition(Oid relid, const char *text);

/*
 * Plain DDL on partitions of stream tables. What may not be is refused where
 * PostgreSQL announces it; the event triggers look after the rest: rows that
 * lie in the default partition go to the one that is made for them, and what is
 * attached is guarded. From _PG_init, and the event triggers on
 * ddl_command_start, sql_drop and ddl_command_end.
 */
extern void st_partition_ddl_init(void);
extern void st_partition_ddl_begin(Node *statement);
extern void st_partition_ddl_dropped(void);
extern void st_partition_ddl_end(void);

#endif							/* ST_API_PARTITION_H */
