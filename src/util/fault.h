/*-------------------------------------------------------------------------
 *
 * fault.h
 *	  Places where the code can be broken on purpose.
 *
 * In a build with FAULT_POINTS=1, ST_FAULT("B2") is true while the setting
 * pg_trickle.fault is "B2". Each fault breaks the rule whose name it carries;
 * test/py/mutants.py shows that a test notices. In a normal build it is the
 * constant false, and the compiler drops what depends on it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_FAULT_H
#define ST_UTIL_FAULT_H

#ifdef ST_FAULT_POINTS

#define ST_FAULT(name) st_fault_is(name)

extern bool st_fault_is(const char *name);
extern void st_fault_init(void);

#else

#define ST_FAULT(name) false
#define st_fault_init() ((void) 0)

#endif

#endif							/* ST_UTIL_FAULT_H */
