/*-------------------------------------------------------------------------
 *
 * timing.c
 *	  Schedules: reading durations and cron expressions, and when they fire.
 *
 * NOTES
 *	  A cron expression is read in a time zone: that of a leading
 *	  "CRON_TZ=Area/City ", else UTC. Where clocks are put forward, what should
 *	  have fired in the gap fires at its end; where they are put back, what has
 *	  fired at a time of day does not fire again at the same, unless it fires
 *	  every hour (rule K24).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "schedule/timing.h"
#include "util/fault.h"

static void
bad_schedule(const char *schedule, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: schedule \"%s\" is neither a duration nor a cron expression, nor 'on commit' or 'calculated'",
					schedule),
			 errdetail("%s", detail),
			 errhint("Use a duration such as 30s or 1h30m, a cron expression of 5 or 6 fields, 'on commit' or 'calculated'.")));
}

/* ----- durations ----- */

/* "After each commit" is what the shortest duration means as well (st_scheduled_follows_commits()). */
#define ON_COMMIT "on commit"
#define ON_COMMIT_SECONDS 1

static bool
is_on_commit(const char *schedule)
{
	return pg_strcasecmp(schedule, ON_COMMIT) == 0;
}

const char *
st_timing_duration(const char *schedule, int64 *seconds)
{
	const char *p = schedule;
	int64		total = 0;
	bool		first = true;

	*seconds = 0;
	if (is_on_commit(schedule))
	{
		*seconds = ON_COMMIT_SECONDS;
		return NULL;
	}
	while (*p)
	{
		int64		number = 0;
		int			digits = 0;
		int64		unit;

		for (; isdigit((unsigned char) *p); p++, digits++)
		{
			number = number * 10 + (*p - '0');
			if (number > INT64CONST(1000000000))
				return "A number is too large.";
		}
		if (digits == 0)
			return "A duration is made of numbers, each followed by s, m, h, d or w.";
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
					return "The last number has no unit.";
				*seconds = number;
				return NULL;
			default:
				return "Units are s, m, h, d and w.";
		}
		p++;
		first = false;
		total += number * unit;
		if (total > INT64CONST(1000000000))
			return "It is too long.";
	}
	*seconds = total;
	return NULL;
}

/* ----- cron ----- */

typedef struct CronField
{
	const char *name;
	int			least;
	int			greatest;
	const char *const *names;	/* of least, least + 1, ...; NULL-terminated */
} CronField;

static const char *const month_names[] = {
	"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL
};
static const char *const weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

/* the last five are those of an expression without seconds; day 7 is Sunday */
static const CronField cron_fields[] = {
	{"second", 0, 59, NULL},
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of month", 1, 31, NULL},
	{"month", 1, 12, month_names},
	{"day of week", 0, 7, weekday_names}
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
static uint64
parse_cron_part(const char *schedule, const CronField *field, const char **p)
{
	int			from = field->least;
	int			to = field->greatest;
	int			step = 1;
	uint64		values = 0;

	if (**p == '*')
		(*p)++;
	else
	{
		from = to = parse_cron_value(schedule, field, p);
		if (**p == '-')
		{
			(*p)++;
			to = parse_cron_value(schedule, field, p);
			if (to < from)
				bad_schedule(schedule, psprintf("A range of the field \"%s\" ends before it begins.", field->name));
		}
		else if (**p == '/')
			to = field->greatest;
	}
	if (**p == '/')
	{
		int			digits = 0;

		step = 0;

		for ((*p)++; digits < 5 && isdigit((unsigned char) **p); (*p)++, digits++)
			step = step * 10 + (**p - '0');
		if (step < 1 || step > field->greatest)
			bad_schedule(schedule, psprintf("A step of the field \"%s\" is 1 to %d.", field->name, field->greatest));
	}
	for (int value = from; value <= to; value += step)
		values |= UINT64CONST(1) << value;
	return values;
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

/* The time zone in front, which *p is moved behind. */
static pg_tz *
parse_cron_zone(const char *schedule, const char **p)
{
	static const char prefix[] = "CRON_TZ=";
	const char *end;
	char	   *name;
	pg_tz	   *zone;

	if (strncmp(*p, prefix, strlen(prefix)) != 0)
		return pg_tzset("GMT");
	*p += strlen(prefix);
	for (end = *p; *end && *end != ' ' && *end != '\t'; end++)
		 /* to the blank */ ;
	name = pnstrdup(*p, end - *p);
	*p = skip_blanks(end);
	zone = *name ? pg_tzset(name) : NULL;
	if (zone == NULL || !pg_tz_acceptable(zone))
		bad_schedule(schedule, psprintf("\"%s\" is no time zone.", name));
	return zone;
}

static const char *
expand_cron_name(const char *schedule)
{
	static const char *const names[][2] = {
		{"@hourly", "0 * * * *"}, {"@daily", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
		{"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}
	};

	for (int i = 0; i < lengthof(names); i++)
		if (pg_strcasecmp(schedule, names[i][0]) == 0)
			return names[i][1];
	bad_schedule(schedule, "Known names are @hourly, @daily, @weekly, @monthly, @yearly and @annually.");
	return NULL;
}

static void
parse_cron(const char *schedule, StTiming *timing)
{
	const char *p = skip_blanks(schedule);
	uint64		fields[lengthof(cron_fields)] = {1};	/* second 0, if not
														 * given */
	int			count;

	timing->zone = parse_cron_zone(schedule, &p);
	if (*p == '@')
		p = expand_cron_name(p);
	count = count_fields(p);
	if (count != 5 && count != 6)
		bad_schedule(schedule, "A cron expression has 5 fields, or 6 with leading seconds.");
	timing->every_hour = timing->every_day = timing->every_weekday = false;
	for (int i = lengthof(cron_fields) - count; i < lengthof(cron_fields); i++)
	{
		bool		star = *p == '*';

		fields[i] = parse_cron_part(schedule, &cron_fields[i], &p);
		while (*p == ',')
		{
			p++;
			fields[i] |= parse_cron_part(schedule, &cron_fields[i], &p);
		}
		if (*p && *p != ' ' && *p != '\t')
			bad_schedule(schedule, psprintf("The field \"%s\" is malformed.", cron_fields[i].name));
		p = skip_blanks(p);
		if (star && i == 2)
			timing->every_hour = true;
		if (star && i == 3)
			timing->every_day = true;
		if (star && i == 5)
			timing->every_weekday = true;
	}
	/* day 7 is Sunday */
	if (fields[5] & (UINT64CONST(1) << 7))
		fields[5] |= 1;
	timing->kind = ST_TIMING_CRON;
	timing->seconds = fields[0];
	timing->minutes = fields[1];
	timing->hours = fields[2];
	timing->days = fields[3];
	timing->months = fields[4];
	timing->weekdays = fields[5];
}

void
st_timing_parse(const char *schedule, StTiming *timing)
{
	memset(timing, 0, sizeof(StTiming));
	if (schedule == NULL)
		timing->kind = ST_TIMING_CALCULATED;
	else if (*schedule == '@' || (strpbrk(schedule, " \t") && !is_on_commit(schedule)))
		parse_cron(schedule, timing);
	else
	{
		const char *fault = st_timing_duration(schedule, &timing->every);

		timing->kind = ST_TIMING_EVERY;
		if (fault)
			bad_schedule(schedule, fault);
	}
}

char *
st_parse_schedule(const char *schedule)
{
	char	   *copy = pstrdup(skip_blanks(schedule));
	size_t		length = strlen(copy);
	StTiming	timing;

	while (length > 0 && (copy[length - 1] == ' ' || copy[length - 1] == '\t'))
		copy[--length] = '\0';
	if (pg_strcasecmp(copy, "calculated") == 0)
		return NULL;
	/* no duration that somebody could have chosen too short */
	if (is_on_commit(copy))
		return pstrdup(ON_COMMIT);
	if (length == 0)
		bad_schedule(schedule, "It is empty.");
	st_timing_parse(copy, &timing);
	if (timing.kind == ST_TIMING_EVERY && timing.every < st_guc_min_schedule_seconds)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: schedule must be at least %ds, got %llds",
						st_guc_min_schedule_seconds, (long long) timing.every),
				 errhint("The setting pg_trickle.min_schedule_seconds is the shortest duration allowed.")));
	return copy;
}

/* ----- when a cron expression fires ----- */

static bool
has(uint64 set, int value)
{
	return (set & (UINT64CONST(1) << value)) != 0;
}

/* Is this a day of the expression? Both fields of days given: either is enough. */
static bool
matches_day(const StTiming *timing, const struct pg_tm *tm)
{
	bool		day = has(timing->days, tm->tm_mday);
	bool		weekday = has(timing->weekdays, tm->tm_wday);

	if (!has(timing->months, tm->tm_mon + 1))
		return false;
	if (timing->every_day || timing->every_weekday)
		return day && weekday;
	return day || weekday;
}

static bool
matches_minute(const StTiming *timing, const struct pg_tm *tm)
{
	return has(timing->hours, tm->tm_hour) && has(timing->minutes, tm->tm_min) && matches_day(timing, tm);
}

/*
 * Has a gap of clocks put forward, which ends at "t", left out a minute of the
 * expression?
 */
static bool
matches_gap(const StTiming *timing, pg_time_t t, const struct pg_tm *now)
{
	pg_time_t	before = t - 60;
	struct pg_tm past = *pg_localtime(&before, timing->zone);

	for (pg_time_t left = before + 60; left < t + now->tm_gmtoff - past.tm_gmtoff; left += 60)
	{
		pg_time_t	local = left + past.tm_gmtoff;
		struct pg_tm skipped = *pg_gmtime(&local);

		if (matches_minute(timing, &skipped))
			return true;
	}
	return false;
}

/* Did clocks that were put back show this time of day before? */
static bool
is_repeated(const StTiming *timing, pg_time_t t, const struct pg_tm *now)
{
	/* no clock was ever put back by more than a day */
	for (pg_time_t back = 30 * 60; back <= 24 * 60 * 60; back *= 2)
	{
		pg_time_t	before = t - back;
		struct pg_tm past = *pg_localtime(&before, timing->zone);

		if (past.tm_gmtoff - now->tm_gmtoff == back)
			return true;
	}
	return false;
}

/* The first second of the minute that begins at "t" and is not before "from". */
static pg_time_t
first_second(const StTiming *timing, pg_time_t t, pg_time_t from)
{
	for (int second = 0; second < 60; second++)
		if (has(timing->seconds, second) && t + second >= from)
			return t + second;
	return 0;
}

TimestampTz
st_timing_next(const StTiming *timing, TimestampTz after)
{
	pg_time_t	from = timestamptz_to_time_t(after) + 1;
	pg_time_t	t = from - from % 60;

	/* the 29th of February may be eight years away */
	pg_time_t	end = t + (pg_time_t) 9 * 366 * 24 * 60 * 60;

	Assert(timing->kind == ST_TIMING_CRON);
	while (t < end)
	{
		struct pg_tm now = *pg_localtime(&t, timing->zone);
		pg_time_t	before = t - 60;
		bool		gap = pg_localtime(&before, timing->zone)->tm_gmtoff < now.tm_gmtoff;
		pg_time_t	second = 0;

		CHECK_FOR_INTERRUPTS();
		if (gap && t >= from && !timing->every_hour && !ST_FAULT("K24 gap") && matches_gap(timing, t, &now))
			second = t;
		else if (matches_minute(timing, &now) &&
				 (timing->every_hour || ST_FAULT("K24 repeated") || !is_repeated(timing, t, &now)))
			second = first_second(timing, t, from);
		if (second > 0)
			return time_t_to_timestamptz(second);

		/*
		 * most days and hours hold nothing; clocks change at full and half
		 * hours
		 */
		if (now.tm_min % 30 == 0 && !(has(timing->hours, now.tm_hour) && matches_day(timing, &now)))
			t += 30 * 60;
		else
			t += 60;
	}
	return DT_NOEND;
}
