/*-------------------------------------------------------------------------
 *
 * cost.c
 *	  Following the changes or recomputing, by what both have taken so far.
 *
 * NOTES
 *	  Rule K26. D is the median of the last deltas of about the same size, a
 *	  class being the sizes of one power of two; R is the last recompute. A
 *	  class goes over to recomputing when R is clearly less than D twice in a
 *	  row, and comes back when R is more than D. A class that has no
 *	  measurement takes at least as long as smaller ones, and more in the way
 *	  in which these become more; if they do not tell, and much of a source has
 *	  changed, in proportion. Where that is more than R, it is recomputed before
 *	  any time goes into a delta that would be given up.
 *
 *	  A recompute never starts on a guess alone. Where none was measured but the
 *	  first fill, or long ago, one is tried now and then, if what that one took,
 *	  and more in proportion if the planner's cost of the query has become
 *	  more, is no longer than D; at most once in EXPLORE_EVERY refreshes and for EXPLORE_SHARE of
 *	  the time. That the cost has become less is not believed: it also does
 *	  where the planner has merely changed its mind. What is foreseen becomes less with every such period: a single
 *	  recompute that was slow by chance is not the last word. Likewise a class that is
 *	  recomputed tries a delta now and then, which costs little more than a
 *	  recompute, since it has a budget; one that spends its budget is tried again
 *	  later each time.
 *
 *	  All of it is in the session's entry, so that deciding is arithmetic on a
 *	  few numbers. It is written to the catalog now and then, and read again when
 *	  another session has refreshed the stream table since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "refresh/budget.h"
#include "refresh/cost.h"
#include "util/statement.h"

/* the last class has all that are larger */
#define CLASSES 24
#define SAMPLES 9

/* so many times in a row a recompute must be the cheaper one */
#define SWITCH_AFTER 2
/* back to deltas where a recompute takes more than this of one */
#define RETURN_FACTOR 1.1

/* what is foreseen of a delta is no measurement: a recompute must take less than this of it */
#define FORESEEN_MARGIN 0.5

/* one refresh of so many may try what is not thought to be the cheaper one */
#define EXPLORE_EVERY 100
#define EXPLORE_SHARE 0.05
/* a delta's time is known once it was measured so often */
#define ENOUGH_SAMPLES 3
/* how often the foreseen time of a recompute is halved for being long ago */
#define MAX_HALVINGS 3
/* the planner is asked no more often than once in so many refreshes */
#define CONSIDER_EVERY 8

/* a delta that has spent its budget is tried again after so many refreshes, then twice as many */
#define FIRST_PROBATION 8
#define LONGEST_PROBATION 1000

/* of a delta's budget, in parts of the last recompute */
#define BUDGET_FACTOR 1.2
/* and at least this part of what one has that nothing was measured for */
#define LEAST_BUDGET_DIVISOR 100

/* of change logs: less is read */
#define LEAST_PAGES 16
/* of them, if nothing is known */
#define USUAL_ROWS_PER_PAGE 64

/* what was measured is written to the catalog so often, in ms */
#define WRITE_INTERVAL 10000

typedef struct CostClass
{
	float4		ms[SAMPLES];	/* a ring */
	int16		nsamples;
	int16		next;
	int16		streak;			/* times in a row that a recompute seemed
								 * cheaper; SWITCH_AFTER: recomputed */
	int16		overruns;		/* in a row */
	int64		retry_at;		/* run that tries a delta again, if recomputed */
} CostClass;

struct StCosts
{
	TransactionId written_by;	/* the refresh of this session that was last */
	TimestampTz written_at;		/* 0: it is not in the catalog */
	bool		dirty;			/* there is something worth to be written at
								 * once */
	bool		warm;			/* a delta has run in this session */
	bool		trying;			/* the delta at hand is a trial of a
								 * recomputed class */
	bool		exploring;		/* the recompute at hand is one */
	int64		runs;			/* refreshes with changes */
	double		spent_ms;		/* what they took together */
	double		explored_ms;	/* those of them that were tried */
	int64		explored_at;	/* run of the last of those; 0: none */
	int64		considered_at;	/* run when the planner was asked last */
	double		rows_per_page;	/* of change logs, at the last large read; 0:
								 * not known */
	double		full_ms;		/* the last recompute; negative: none */
	double		full_cost;		/* what the planner thought of it; 0: not
								 * known */
	int64		full_at;		/* its run */
	bool		full_measured;	/* it was one, not the first fill */
	CostClass	classes[CLASSES];
};

/* ----- the model ----- */

static int
class_of(int64 rows)
{
	return Min(pg_leftmost_one_pos64((uint64) Max(rows, 1)), CLASSES - 1);
}

static int
compare_ms(const void *a, const void *b)
{
	float4		x = *(const float4 *) a;
	float4		y = *(const float4 *) b;

	return x < y ? -1 : x > y;
}

/* Of two in the middle the smaller; negative: nothing was measured. */
static double
median(const CostClass *class)
{
	float4		sorted[SAMPLES];

	if (class->nsamples == 0)
		return -1;
	memcpy(sorted, class->ms, sizeof(float4) * class->nsamples);
	qsort(sorted, class->nsamples, sizeof(float4), compare_ms);
	return sorted[(class->nsamples - 1) / 2];
}

/* What a delta of the class takes, as measured, or at least; negative: not known. */
static double
delta_ms(const StCosts *costs, int number)
{
	double		least = -1;

	if (costs->classes[number].nsamples > 0)
		return median(&costs->classes[number]);
	for (int i = 0; i < number; i++)
		least = Max(least, median(&costs->classes[i]));
	return least;
}

static void
add_sample(CostClass *class, double ms)
{
	class->ms[class->next] = ms;
	class->next = (class->next + 1) % SAMPLES;
	class->nsamples = Min(class->nsamples + 1, SAMPLES);
}

/* Nothing is known of the class: it is as the next smaller one that something is known of. */
static int
known_class(const StCosts *costs, int number)
{
	for (int i = number; i >= 0; i--)
		if (costs->classes[i].nsamples > 0)
			return i;
	return number;
}

/*
 * What a delta of the class should take, of which nothing was measured; negative:
 * not known. "much": of a source, so that it is in proportion to the changes,
 * whatever smaller deltas took beside.
 */
static double
foreseen_ms(const StCosts *costs, int number, bool much)
{
	int			last = known_class(costs, number);
	int			before = last > 0 ? known_class(costs, last - 1) : last;
	double		ms = median(&costs->classes[last]);
	double		growth = 1;

	if (ms < 0)
		return -1;
	if (much)
		growth = 2;
	else if (before < last && costs->classes[before].nsamples > 0)
		growth = pow(ms / median(&costs->classes[before]), 1.0 / (last - before));
	return ms * pow(Min(Max(growth, 1), 2), number - last);
}

/* How much of a source is much. */
static double
much_of(const StEntry *entry)
{
	double		limit = entry->table->auto_threshold >= 0 ? entry->table->auto_threshold :
		st_guc_differential_max_change_ratio;

	return limit > 0 ? limit : 2;
}

/* Recompute for what is foreseen, until the turn of a delta comes. */
static bool
is_foreseen_longer(const StEntry *entry, int number, double ratio)
{
	StCosts    *costs = entry->costs;
	CostClass  *class = &costs->classes[number];

	if (class->nsamples > 0 || !costs->full_measured ||
		FORESEEN_MARGIN * foreseen_ms(costs, number, ratio > much_of(entry)) <= costs->full_ms)
		return false;
	if (class->streak < SWITCH_AFTER)
	{
		class->streak = SWITCH_AFTER;
		class->retry_at = costs->runs + EXPLORE_EVERY;
	}
	return costs->runs < class->retry_at;
}

static bool
is_recomputed(const StCosts *costs, int number)
{
	const CostClass *class = &costs->classes[known_class(costs, number)];

	/*
	 * what was given up would have taken longer: it is no measure to return
	 * by
	 */
	return costs->full_measured && class->streak >= SWITCH_AFTER && costs->runs < class->retry_at &&
		(class->overruns > 0 || costs->full_ms <= RETURN_FACTOR * median(class));
}

static const char *
measured_reason(const StCosts *costs, int number)
{
	return psprintf("the last recompute took %.3g ms, deltas of this size %.3g ms",
					costs->full_ms, median(&costs->classes[known_class(costs, number)]));
}

/* ----- trying a recompute ----- */

/* What the planner thinks of a recompute now. */
static double
planned_cost(StEntry *entry)
{
	StProgram  *program = entry->program;
	StOwnerScope scope;
	double		cost = 0;

	st_owner_enter(&scope, entry->owner, entry->table->settings);
	for (int i = 0; i < program->nnodes; i++)
		cost += st_statement_cost(program->nodes[i].block.fill, 0, NULL);
	cost += st_statement_cost(program->final.fill, 0, NULL);
	st_owner_leave(&scope);
	return Max(cost, 1);
}

/* What a recompute would take now, as far as one can tell; negative: one cannot. */
static double
predicted_ms(StEntry *entry)
{
	StCosts    *costs = entry->costs;

	costs->considered_at = costs->runs;
	if (costs->full_ms < 0 || costs->full_cost <= 0)
		return -1;
	return costs->full_ms * Max(planned_cost(entry) / costs->full_cost, 1);
}

static const char *
explore(StEntry *entry, int number, double ratio)
{
	StCosts    *costs = entry->costs;
	const CostClass *class = &costs->classes[number];
	double		delta;
	double		predicted;
	double		halvings = Min((costs->runs - costs->full_at) / EXPLORE_EVERY, MAX_HALVINGS);

	/* so much has changed that it is worth to know, once */
	if (!costs->full_measured && ratio > much_of(entry))
	{
		delta = foreseen_ms(costs, number, true);
		predicted = delta < 0 ? -1 : predicted_ms(entry);
		if (predicted < 0 || predicted > delta)
			return NULL;
		costs->exploring = true;
		return psprintf("%.0f %% of a source have changed, and no recompute was measured yet", ratio * 100);
	}
	if (class->nsamples < ENOUGH_SAMPLES || costs->runs < costs->considered_at + CONSIDER_EVERY ||
		(costs->explored_at > 0 && costs->runs < costs->explored_at + EXPLORE_EVERY))
		return NULL;
	/* what was measured a moment ago is known */
	if (costs->full_measured && halvings == 0)
		return NULL;
	delta = median(class);
	predicted = predicted_ms(entry);
	if (predicted < 0 || predicted / ldexp(1, (int) halvings) > delta ||
		costs->explored_ms + predicted > EXPLORE_SHARE * costs->spent_ms)
		return NULL;
	costs->exploring = true;
	return psprintf("tried: a recompute may take %.3g ms, deltas of this size took %.3g ms",
					predicted / ldexp(1, (int) halvings), delta);
}

/* ----- deciding ----- */

static bool
is_decided_by_user(StEntry *entry)
{
	return entry->costs == NULL || st_guc_refresh_strategy == ST_STRATEGY_DIFFERENTIAL;
}

int64
st_costs_foresee(StEntry *entry, int64 pages, double *ratio)
{
	StCosts    *costs = entry->costs;
	int64		rows;
	int			number;

	if (is_decided_by_user(entry) || pages < LEAST_PAGES)
		return 0;
	rows = (int64) (pages * costs->rows_per_page);
	number = class_of(rows);
	*ratio *= costs->rows_per_page;
	return rows > 0 && (is_recomputed(costs, number) || is_foreseen_longer(entry, number, *ratio)) ? rows : 0;
}

void
st_costs_note_read(StEntry *entry, int64 rows, int64 pages)
{
	if (entry->costs && pages >= LEAST_PAGES)
		entry->costs->rows_per_page = (double) rows / pages;
}

/* What the user demands of each refresh; NULL: nothing. */
static const char *
demanded(StEntry *entry, double ratio)
{
	StStreamTable *table = entry->table;

	if (st_guc_force_full_refresh)
		return "pg_trickle.force_full_refresh is on";
	if (st_guc_refresh_strategy == ST_STRATEGY_FULL)
		return "pg_trickle.refresh_strategy is full";
	if (table->max_joins > 0 && entry->njoins > table->max_joins)
		return psprintf("its query has %d joins, max_differential_joins is %d", entry->njoins, table->max_joins);
	if (table->max_delta_fraction > 0 && ratio > table->max_delta_fraction)
		return psprintf("%.3g of a source has changed, max_delta_fraction is %.3g", ratio, table->max_delta_fraction);
	return NULL;
}

const char *
st_costs_choose(StEntry *entry, int64 rows, double ratio)
{
	StCosts    *costs = entry->costs;
	int			number = class_of(rows);
	const char *reason = demanded(entry, ratio);
	CostClass  *class;
	double		delta;

	if (reason || is_decided_by_user(entry))
		return reason;
	costs->trying = costs->exploring = false;
	if (is_recomputed(costs, number))
		return measured_reason(costs, number);
	if (is_foreseen_longer(entry, number, ratio))
		return psprintf("the last recompute took %.3g ms, a delta of this size should take %.3g ms",
						costs->full_ms, foreseen_ms(costs, number, ratio > much_of(entry)));
	class = &costs->classes[number];
	if (class->streak >= SWITCH_AFTER)
	{
		/* its turn has come, or a recompute has become the dearer one */
		costs->trying = costs->runs >= class->retry_at;
		if (!costs->trying)
			class->streak = 0;
		return NULL;
	}
	delta = delta_ms(costs, number);
	if (!costs->full_measured || delta < 0 || costs->full_ms >= st_guc_cost_model_safety_margin * delta)
	{
		class->streak = 0;
		return explore(entry, number, ratio);
	}
	/* the next refresh may be another session's */
	costs->dirty = true;
	if (++class->streak < SWITCH_AFTER || class->nsamples == 0)
		return NULL;
	class->retry_at = costs->runs + EXPLORE_EVERY;
	return measured_reason(costs, number);
}

bool
st_costs_compared(const StEntry *entry)
{
	return entry->table->automatic && entry->program && st_guc_refresh_strategy != ST_STRATEGY_DIFFERENTIAL;
}

bool
st_costs_measured(StEntry *entry)
{
	return !is_decided_by_user(entry) && entry->costs->full_measured && st_guc_min_delta_budget_ms > 0;
}

int
st_costs_budget(StEntry *entry)
{
	StCosts    *costs = entry->costs;
	double		least = (double) st_guc_min_delta_budget_ms / LEAST_BUDGET_DIVISOR;
	double		factor;

	if (!st_costs_measured(entry))
		return st_budget_for(entry->table->last_full_ms);
	/* one that took longer than this would not bring its class back */
	factor = costs->trying ? 1 / RETURN_FACTOR : BUDGET_FACTOR;
	return (int) Min(Max(costs->full_ms * factor, Max(least, 1)), (double) PG_INT32_MAX);
}

/* ----- measuring ----- */

/* Refreshes until a delta that was too long is tried again: more each time. */
static int64
probation(const CostClass *class)
{
	return Min(FIRST_PROBATION << Min(class->overruns, 16), LONGEST_PROBATION);
}

void
st_costs_note_delta(StEntry *entry, int64 rows, double ms, bool spent)
{
	StCosts    *costs = entry->costs;
	CostClass  *class;
	bool		warm;

	if (costs == NULL)
		return;
	class = &costs->classes[class_of(rows)];
	warm = costs->warm;
	costs->warm = true;
	costs->runs++;
	costs->spent_ms += ms;
	if (spent)
	{
		/* at least that long; a recompute follows, and is measured */
		class->nsamples = class->next = 0;
		add_sample(class, ms);
		class->streak = SWITCH_AFTER;
		class->retry_at = costs->runs + probation(class);
		class->overruns++;
		costs->dirty = true;
		return;
	}
	class->overruns = 0;
	/* plans and caches were cold: of no use where there is better */
	if (!warm && class->nsamples >= ENOUGH_SAMPLES && !costs->trying)
		return;
	if (costs->trying)
		class->nsamples = class->next = 0;
	costs->dirty |= costs->trying || class->nsamples == 0;
	add_sample(class, ms);
	if (!costs->trying)
		return;
	if (costs->full_ms > RETURN_FACTOR * ms)
		class->streak = 0;
	else
		class->retry_at = costs->runs + EXPLORE_EVERY;
}

void
st_costs_note_unread(StEntry *entry, int64 rows, int64 pages, double ms)
{
	double		per_page = entry->costs->rows_per_page > 0 ? entry->costs->rows_per_page : USUAL_ROWS_PER_PAGE;

	st_costs_note_delta(entry, Max(rows, (int64) (pages * per_page)), ms, true);
}

void
st_costs_note_recompute(StEntry *entry, double ms, bool initial)
{
	StCosts    *costs = entry->costs;

	if (costs == NULL)
		return;
	if (!initial)
	{
		costs->runs++;
		costs->spent_ms += ms;
		if (costs->exploring)
		{
			costs->explored_ms += ms;
			costs->explored_at = costs->runs;
		}
	}
	/* what the planner thinks changes slowly, and asking it takes time */
	if (costs->full_cost <= 0 || initial || costs->exploring || costs->runs - costs->considered_at >= EXPLORE_EVERY)
	{
		costs->full_cost = planned_cost(entry);
		costs->considered_at = costs->runs;
	}
	costs->dirty |= initial || !costs->full_measured || costs->exploring;
	costs->full_ms = ms;
	costs->full_at = costs->runs;
	costs->full_measured = !initial;
	costs->exploring = false;
}

/* ----- the catalog ----- */

static Datum
array_of(Datum *values, int count, Oid type, int length, bool byval, char align)
{
	return PointerGetDatum(construct_array(values, count, type, length, byval, align));
}

/* The elements of an array of the row that SPI has read. */
static int
elements(int column, Oid type, int length, bool byval, char align, Datum **values)
{
	bool		isnull;
	Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), type, length, byval, align, values, NULL, &count);
	return count;
}

static double
number(int column, double missing)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? missing : DatumGetFloat8(value);
}

static void
read_classes(StCosts *costs)
{
	Datum	   *classes;
	Datum	   *streaks;
	Datum	   *overruns;
	Datum	   *retries;
	Datum	   *samples;
	int			count = elements(6, INT2OID, 2, true, TYPALIGN_SHORT, &classes);

	if (elements(7, INT2OID, 2, true, TYPALIGN_SHORT, &streaks) != count ||
		elements(8, INT2OID, 2, true, TYPALIGN_SHORT, &overruns) != count ||
		elements(9, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &retries) != count ||
		elements(10, FLOAT4OID, 4, true, TYPALIGN_INT, &samples) != count * SAMPLES)
		return;
	for (int i = 0; i < count; i++)
	{
		int			place = DatumGetInt16(classes[i]);
		CostClass  *class;

		if (place < 0 || place >= CLASSES)
			continue;
		class = &costs->classes[place];
		class->streak = DatumGetInt16(streaks[i]);
		class->overruns = DatumGetInt16(overruns[i]);
		class->retry_at = DatumGetInt64(retries[i]);
		/* those that are missing are zero */
		for (int k = 0; k < SAMPLES; k++)
			if (DatumGetFloat4(samples[i * SAMPLES + k]) > 0)
				add_sample(class, DatumGetFloat4(samples[i * SAMPLES + k]));
	}
}

static void
read_costs(StEntry *entry)
{
	StCosts    *costs = entry->costs;
	bool		warm = costs->warm;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(entry->table->pgt_id)};

	memset(costs, 0, sizeof(StCosts));
	costs->warm = warm;
	costs->full_ms = -1;
	SPI_connect();
	if (st_catalog_execute("SELECT runs::float8, spent_ms, explored_ms, explored_at::float8, updated_at,"
						   " delta_classes, streaks, overruns, retry_at, delta_ms,"
						   " full_ms, full_cost, full_at::float8, full_measured, rows_per_page"
						   " FROM pgtrickle.refresh_costs WHERE pgt_id = $1", 1, types, values, NULL) > 0)
	{
		bool		isnull;

		costs->runs = (int64) number(1, 0);
		costs->spent_ms = number(2, 0);
		costs->explored_ms = number(3, 0);
		costs->explored_at = (int64) number(4, 0);
		costs->written_at = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull));
		costs->full_ms = number(11, -1);
		costs->full_cost = number(12, 0);
		costs->full_at = (int64) number(13, 0);
		costs->full_measured = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 14, &isnull));
		costs->rows_per_page = number(15, 0);
		read_classes(costs);
	}
	SPI_finish();
}

void
st_costs_begin(StEntry *entry)
{
	if (!entry->table->automatic || entry->program == NULL)
		return;
	if (entry->costs == NULL)
		entry->costs = MemoryContextAllocZero(entry->context, sizeof(StCosts));
	else if (TransactionIdEquals(entry->costs->written_by, entry->table->written_by))
	{
		entry->costs->trying = false;
		return;
	}
	read_costs(entry);
	/* what this transaction notes from now on is kept by it */
	entry->costs->written_by = entry->table->written_by;
}

static void
write_costs(StEntry *entry)
{
	StCosts    *costs = entry->costs;
	Oid			types[] = {INT8OID, INT8OID, FLOAT8OID, FLOAT8OID, INT8OID, INT2ARRAYOID, INT2ARRAYOID, INT2ARRAYOID,
	INT8ARRAYOID, FLOAT4ARRAYOID, FLOAT8OID, FLOAT8OID, INT8OID, BOOLOID, TIMESTAMPTZOID, FLOAT8OID};
	Datum		values[16];
	char		nulls[] = "                ";
	Datum		classes[CLASSES];
	Datum		streaks[CLASSES];
	Datum		overruns[CLASSES];
	Datum		retries[CLASSES];
	Datum		samples[CLASSES * SAMPLES];
	int			count = 0;

	for (int i = 0; i < CLASSES; i++)
	{
		CostClass  *class = &costs->classes[i];
		int			first = class->nsamples == SAMPLES ? class->next : 0;

		if (class->nsamples == 0)
			continue;
		classes[count] = Int16GetDatum(i);
		streaks[count] = Int16GetDatum(class->streak);
		overruns[count] = Int16GetDatum(class->overruns);
		retries[count] = Int64GetDatum(class->retry_at);
		for (int k = 0; k < SAMPLES; k++)
			samples[count * SAMPLES + k] =
				Float4GetDatum(k < class->nsamples ? class->ms[(first + k) % SAMPLES] : 0);
		count++;
	}
	costs->written_at = GetCurrentTimestamp();
	values[0] = Int64GetDatum(entry->table->pgt_id);
	values[1] = Int64GetDatum(costs->runs);
	values[2] = Float8GetDatum(costs->spent_ms);
	values[3] = Float8GetDatum(costs->explored_ms);
	values[4] = Int64GetDatum(costs->explored_at);
	values[5] = array_of(classes, count, INT2OID, 2, true, TYPALIGN_SHORT);
	values[6] = array_of(streaks, count, INT2OID, 2, true, TYPALIGN_SHORT);
	values[7] = array_of(overruns, count, INT2OID, 2, true, TYPALIGN_SHORT);
	values[8] = array_of(retries, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[9] = array_of(samples, count * SAMPLES, FLOAT4OID, 4, true, TYPALIGN_INT);
	values[10] = Float8GetDatum(costs->full_ms);
	nulls[10] = costs->full_ms < 0 ? 'n' : ' ';
	values[11] = Float8GetDatum(costs->full_cost);
	values[12] = Int64GetDatum(costs->full_at);
	values[13] = BoolGetDatum(costs->full_measured);
	values[14] = TimestampTzGetDatum(costs->written_at);
	values[15] = Float8GetDatum(costs->rows_per_page);
	(void) st_catalog_execute("INSERT INTO pgtrickle.refresh_costs AS c (pgt_id, runs, spent_ms, explored_ms, explored_at,"
							  " delta_classes, streaks, overruns, retry_at, delta_ms,"
							  " full_ms, full_cost, full_at, full_measured, updated_at, rows_per_page)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
							  " ON CONFLICT (pgt_id) DO UPDATE SET runs = excluded.runs, spent_ms = excluded.spent_ms,"
							  " explored_ms = excluded.explored_ms, explored_at = excluded.explored_at,"
							  " delta_classes = excluded.delta_classes, streaks = excluded.streaks,"
							  " overruns = excluded.overruns, retry_at = excluded.retry_at, delta_ms = excluded.delta_ms,"
							  " full_ms = excluded.full_ms, full_cost = excluded.full_cost, full_at = excluded.full_at,"
							  " full_measured = excluded.full_measured, updated_at = excluded.updated_at, rows_per_page = excluded.rows_per_page",
							  16, types, values, nulls);
}

void
st_costs_write(StEntry *entry)
{
	StCosts    *costs = entry->costs;

	if (costs == NULL)
		return;
	costs->written_by = GetCurrentTransactionId();
	if (!costs->dirty && costs->written_at > 0 &&
		!TimestampDifferenceExceeds(costs->written_at, GetCurrentTimestamp(), WRITE_INTERVAL))
		return;
	costs->dirty = false;
	write_costs(entry);
}

/* ----- the query ----- */

static bool
count_relations(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION && ((RangeTblEntry *) node)->relkind != RELKIND_VIEW)
			++* (int *) arg;
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, count_relations, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, count_relations, arg);
}

int
st_count_joins(Query *query)
{
	int			relations = 0;

	(void) count_relations((Node *) query, &relations);
	return Max(relations - 1, 0);
}
