/*-------------------------------------------------------------------------
 *
 * parameter.h
 *	  Checks of parameters that creation and alteration share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_PARAMETER_H
#define ST_API_PARAMETER_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Raise 22023 unless value is NULL or one of the words, in any case; "third" may be NULL. */
extern void st_require_one_of(const char *what, const char *value, const char *first, const char *second, const char *third);

/* Raise 0A000: a parameter whose capability this release does not have. */
extern void st_refuse_parameter(const char *what);

/* Raise 22023 without Citus, which output_distribution_column is for, else 0A000. */
extern void st_refuse_distribution(void);

/* Raise 22023 if max_differential_joins or max_delta_fraction is out of range. */
extern void st_check_limits(int joins, double fraction);

/*
 * Raise 22023 if append_only cannot be for a query of this mode: with FULL, or
 * when a source has no primary key.
 */
extern void st_check_append_only(const char *mode, Query *query);

/* Raise 22023 for diamond_schedule_policy slowest with diamond_consistency none; either may be NULL. */
extern void st_check_diamond(const char *consistency, const char *policy);

#endif							/* ST_API_PARAMETER_H */
