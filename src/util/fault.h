/*-------------------------------------------------------------------------
 *
 * fault.h
 *	  Places where the code can be broken, or stopped, on purpose.
 *
 * Only in a build with FAULT_POINTS=1, by the setting pg_trickle.fault, a list
 * separated by semicolons. In a normal build the compiler drops all of it.
 *
 * ST_FAULT("B2") is true while the list has "B2". Each fault breaks the rule
 * whose name it carries; test/py/mutants.py shows that a test notices.
 *
 * ST_STOP_POINT("changes read") stops the process, by SIGSTOP to itself, while
 * the list has "stop changes read", and tells the client before by a NOTICE.
 * Whoever has set it kills what is to die at that place, or sends SIGCONT; with
 * "once" on the list a process stops but once. test/py/test_crash.py finds
 * every stop point of a refresh in the sources by its name. "stop committing"
 * and "stop committed" are the places before and after the commit of a
 * transaction that has passed a stop point.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_FAULT_H
#define ST_UTIL_FAULT_H

#ifdef ST_FAULT_POINTS

#define ST_FAULT(name) st_fault_is(name)
#define ST_STOP_POINT(name) st_fault_stop("stop " name)

/* Is it on the list of this session's setting? */
extern bool st_fault_is(const char *name);

/* Stop this process if it is on the list. */
extern void st_fault_stop(const char *name);

/* The library that background workers are to load: this one, wherever it lies. */
extern const char *st_fault_library(void);
#define ST_LIBRARY st_fault_library()

/* Defines the settings; before the prefix of our settings is reserved. */
extern void st_fault_init(void);

#else

#define ST_FAULT(name) false
#define ST_STOP_POINT(name) ((void) 0)
#define ST_LIBRARY "pg_trickle"
#define st_fault_init() ((void) 0)

#endif

#endif							/* ST_UTIL_FAULT_H */
