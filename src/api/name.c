/*-------------------------------------------------------------------------
 *
 * name.c
 *	  Reading the arguments of SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "api/name.h"
#include "compat.h"

/* the least schedule, in seconds, as pg_trickle.min_schedule_seconds by default */
#define MIN_SCHEDULE_SECONDS 1

RangeVar *
st_parse_name(text *name)
{
	List	   *names;

	if (VARSIZE_ANY_EXHDR(name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("invalid argument: the name of a stream table is empty")));
	names = textToQualifiedNameList(name);
	if (list_length(names) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid argument: improper name of a stream table: \"%s\"", text_to_cstring(name)),
				 errhint("Write it as table or schema.table.")));
	return makeRangeVarFromNameList(names);
}

Oid
st_resolve_stream_table(text *name)
{
	Oid			relid = RangeVarGetRelid(st_parse_name(name), NoLock, true);

	if (!OidIsValid(relid) || !st_is_stream_table(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("stream table not found: %s", text_to_cstring(name))));
	return relid;
}

void
st_require_owner(Oid relid)
{
	if (!StRelationOwnerCheck(relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: must be owner of stream table %s", get_rel_name(relid))));
}

static void
bad_schedule(const char *schedule, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: schedule \"%s\"", schedule),
			 errdetail("%s", detail),
			 errhint("Use a duration such as 30s or 1h30m, a cron expression of 5 or 6 fields, or 'calculated'.")));
}

/* Seconds of concatenated number and unit pairs. */
static int64
parse_duration(const char *schedule)
{
	const char *p = schedule;
	int64		total = 0;
	bool		first = true;

	while (*p)
	{
		int64		number = 0;
		int			digits = 0;
		int64		unit;

		for (; isdigit((unsigned char) *p); p++, digits++)
		{
			number = number * 10 + (*p - '0');
			if (number > INT64CONST(1000000000))
				bad_schedule(schedule, "A number is too large.");
		}
		if (digits == 0)
			bad_schedule(schedule, "A duration is made of numbers, each followed by s, m, h, d or w.");
		switch (*p)
		{
			case 's':
				unit = 1;
				break;
			case 'm':
				unit = 60;
				break;
			case 'h':
				unit = 3600;
				break;
			case 'd':
				unit = 86400;
				break;
			case 'w':
				unit = 7 * 86400;
				break;
			case '\0':
				if (!first)
					bad_schedule(schedule, "The last number has no unit.");
				return number;
			default:
				bad_schedule(schedule, "Units are s, m, h, d and w.");
				return 0;
		}
		p++;
		first = false;
		total += number * unit;
	}
	return total;
}

static void
check_cron(const char *schedule)
{
	static const char *const names[] = {"@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"};
	int			fields = 0;

	if (*schedule == '@')
	{
		for (int i = 0; i < lengthof(names); i++)
			if (pg_strcasecmp(schedule, names[i]) == 0)
				return;
		bad_schedule(schedule, "This name is not known.");
	}
	for (const char *p = schedule; *p;)
	{
		while (*p == ' ')
			p++;
		if (*p == '\0')
			break;
		fields++;
		for (; *p && *p != ' '; p++)
			if (!isalnum((unsigned char) *p) && strchr("*,-/", *p) == NULL)
				bad_schedule(schedule, "A cron field holds numbers, names and the characters * , - /.");
	}
	if (fields != 5 && fields != 6)
		bad_schedule(schedule, "A cron expression has 5 fields, or 6 with leading seconds.");
}

char *
st_parse_schedule(const char *schedule)
{
	char	   *copy = pstrdup(schedule);
	size_t		length;

	while (*copy == ' ')
		copy++;
	length = strlen(copy);
	while (length > 0 && copy[length - 1] == ' ')
		copy[--length] = '\0';
	if (pg_strcasecmp(copy, "calculated") == 0)
		return NULL;
	if (length == 0)
		bad_schedule(schedule, "It is empty.");
	if (*copy == '@' || strchr(copy, ' '))
		check_cron(copy);
	else if (parse_duration(copy) < MIN_SCHEDULE_SECONDS)
		bad_schedule(schedule, psprintf("The shortest schedule is %d seconds.", MIN_SCHEDULE_SECONDS));
	return copy;
}

char *
st_parse_mode(const char *mode)
{
	static const char *const modes[] = {"AUTO", "FULL", "DIFFERENTIAL", "IMMEDIATE"};

	for (int i = 0; i < lengthof(modes); i++)
		if (pg_strcasecmp(mode, modes[i]) == 0)
			return pstrdup(modes[i]);
	if (pg_strcasecmp(mode, "INCREMENTAL") == 0)
		return pstrdup("DIFFERENTIAL");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown refresh mode \"%s\"", mode),
			 errhint("Use AUTO, FULL, DIFFERENTIAL or IMMEDIATE.")));
}
