/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  Reading schedules: durations, cron expressions, 'calculated'.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "api/name.h"
#include "guc.h"

static void
bad_schedule(const char *schedule, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: schedule \"%s\" is neither a duration, nor a cron expression, nor 'calculated'",
					schedule),
			 errdetail("%s", detail),
			 errhint("Use a duration such as 30s or 1h30m, a cron expression of 5 or 6 fields, or 'calculated'.")));
}

/* ----- durations ----- */

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
		if (total > INT64CONST(1000000000))
			bad_schedule(schedule, "It is too long.");
	}
	return total;
}

/* ----- cron ----- */

typedef struct CronField
{
	const char *name;
	int			least;
	int			greatest;
	const char *const *names;	/* of least, least + 1, ...; NULL-terminated */
} CronField;

static const char *const months[] = {
	"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL
};
static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

/* the last five are those of an expression without seconds; day 7 is Sunday */
static const CronField cron_fields[] = {
	{"second", 0, 59, NULL},
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of month", 1, 31, NULL},
	{"month", 1, 12, months},
	{"day of week", 0, 7, weekdays}
};

/* A number or name at *p, which is moved behind it. */
static int
parse_cron_value(const char *schedule, const CronField *field, const char **p)
{
	int			value = 0;
	int			length = 0;

	while (isalpha((unsigned char) (*p)[length]))
		length++;
	if (length > 0)
	{
		for (int i = 0; field->names && field->names[i]; i++)
			if (strlen(field->names[i]) == length && pg_strncasecmp(*p, field->names[i], length) == 0)
			{
				*p += length;
				return field->least + i;
			}
		bad_schedule(schedule, psprintf("\"%.*s\" is no %s.", length, *p, field->name));
	}
	for (; length < 5 && isdigit((unsigned char) (*p)[length]); length++)
		value = value * 10 + ((*p)[length] - '0');
	if (length == 0)
		bad_schedule(schedule, psprintf("A value of the field \"%s\" is missing.", field->name));
	if (value < field->least || value > field->greatest)
		bad_schedule(schedule, psprintf("The field \"%s\" holds %d to %d.", field->name, field->least, field->greatest));
	*p += length;
	return value;
}

/* One of the comma-separated parts: "*", a value or a range, perhaps with a step. */
static void
parse_cron_part(const char *schedule, const CronField *field, const char **p)
{
	if (**p == '*')
		(*p)++;
	else
	{
		int			from = parse_cron_value(schedule, field, p);

		if (**p == '-')
		{
			(*p)++;
			if (parse_cron_value(schedule, field, p) < from)
				bad_schedule(schedule, psprintf("A range of the field \"%s\" ends before it begins.", field->name));
		}
	}
	if (**p == '/')
	{
		int			step = 0;
		int			digits = 0;

		for ((*p)++; digits < 5 && isdigit((unsigned char) **p); (*p)++, digits++)
			step = step * 10 + (**p - '0');
		if (step < 1 || step > field->greatest)
			bad_schedule(schedule, psprintf("A step of the field \"%s\" is 1 to %d.", field->name, field->greatest));
	}
}

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static int
count_fields(const char *schedule)
{
	int			count = 0;

	for (const char *p = skip_blanks(schedule); *p; p = skip_blanks(p))
	{
		count++;
		while (*p && *p != ' ' && *p != '\t')
			p++;
	}
	return count;
}

static void
check_cron(const char *schedule)
{
	static const char *const names[] = {"@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"};
	const char *p = skip_blanks(schedule);
	int			fields;

	if (*schedule == '@')
	{
		for (int i = 0; i < lengthof(names); i++)
			if (pg_strcasecmp(schedule, names[i]) == 0)
				return;
		bad_schedule(schedule, "Known names are @hourly, @daily, @weekly, @monthly, @yearly and @annually.");
	}
	fields = count_fields(schedule);
	if (fields != 5 && fields != 6)
		bad_schedule(schedule, "A cron expression has 5 fields, or 6 with leading seconds.");
	for (int i = lengthof(cron_fields) - fields; i < lengthof(cron_fields); i++)
	{
		parse_cron_part(schedule, &cron_fields[i], &p);
		while (*p == ',')
		{
			p++;
			parse_cron_part(schedule, &cron_fields[i], &p);
		}
		if (*p && *p != ' ' && *p != '\t')
			bad_schedule(schedule, psprintf("The field \"%s\" is malformed.", cron_fields[i].name));
		p = skip_blanks(p);
	}
}

char *
st_parse_schedule(const char *schedule)
{
	char	   *copy = pstrdup(skip_blanks(schedule));
	size_t		length = strlen(copy);
	int64		seconds;

	while (length > 0 && (copy[length - 1] == ' ' || copy[length - 1] == '\t'))
		copy[--length] = '\0';
	if (pg_strcasecmp(copy, "calculated") == 0)
		return NULL;
	if (length == 0)
		bad_schedule(schedule, "It is empty.");
	if (*copy == '@' || strpbrk(copy, " \t"))
	{
		check_cron(copy);
		return copy;
	}
	seconds = parse_duration(copy);
	if (seconds < st_guc_min_schedule_seconds)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: schedule must be at least %ds, got %llds",
						st_guc_min_schedule_seconds, (long long) seconds),
				 errhint("The setting pg_trickle.min_schedule_seconds is the shortest duration allowed.")));
	return copy;
}
