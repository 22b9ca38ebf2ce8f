/*-------------------------------------------------------------------------
 *
 * parameter.c
 *	  Checks of parameters that creation and alteration share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/extension.h"
#include "utils/lsyscache.h"

#include "api/definition.h"
#include "api/parameter.h"

void
st_require_one_of(const char *what, const char *value, const char *first, const char *second, const char *third)
{
	if (value == NULL || pg_strcasecmp(value, first) == 0 || pg_strcasecmp(value, second) == 0 ||
		(third && pg_strcasecmp(value, third) == 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: %s \"%s\"", what, value),
			 errhint(third ? "Use %s, %s or %s." : "Use %s or %s.", first, second, third)));
}

void
st_refuse_parameter(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s is not available in this release", what),
			 errhint("Leave the parameter out, or pass its default.")));
}

void
st_refuse_distribution(void)
{
	if (OidIsValid(get_extension_oid("citus", true)))
		st_refuse_parameter("output_distribution_column");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: output_distribution_column needs the extension \"citus\""),
			 errhint("Leave the parameter out, or pass its default.")));
}

void
st_check_limits(int joins, double fraction)
{
	if (joins < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: max_differential_joins is negative"),
				 errhint("NULL or 0 means no limit.")));
	if (!(fraction >= 0 && fraction <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: max_delta_fraction is not between 0 and 1"),
				 errhint("It is the share of a source that may have changed; NULL or 0 means no limit.")));
}

void
st_check_append_only(const char *mode, Query *query)
{
	Oid			keyless;

	if (strcmp(mode, "FULL") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: append_only is not possible in mode FULL"),
				 errdetail("Changes of its sources are not looked at."),
				 errhint("Leave append_only out, or pass false.")));
	keyless = st_keyless_source(query);
	if (OidIsValid(keyless))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: append_only is not possible with keyless source \"%s\"", get_rel_name(keyless)),
				 errhint("Give the table a primary key.")));
}

void
st_check_diamond(const char *consistency, const char *policy)
{
	if (policy && pg_strcasecmp(policy, "slowest") == 0 && consistency && pg_strcasecmp(consistency, "none") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: diamond_schedule_policy \"slowest\" needs diamond_consistency \"atomic\"")));
}
