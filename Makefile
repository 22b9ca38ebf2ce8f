# Makefile of pg_trickle, built with PGXS.
#
#   make PG_CONFIG=/path/to/pg_config            build
#   make PG_CONFIG=... install                   install into that server
#   make PG_CONFIG=... installcheck              test against a running server
#   make FAULT_POINTS=1                          with fault points for tests
#   make WERROR=                                 warnings do not stop the build
#
# It may be run from another directory with "make -f PATH/Makefile", and then
# writes there only.  "./dev" does all of this for you.

EXTENSION = pg_trickle
MODULE_big = pg_trickle
PGFILEDESC = "pg_trickle - incrementally maintained stream tables"

# Our own variables begin with ST_: PGXS has names of its own for nearly
# everything (INSTALL_SCRIPT is a command, HEADERS is installed).
ST_TOP := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))

# The version is said in one place, the control file.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(ST_TOP)/pg_trickle.control)

# Every source file, by room, in the order a row travels.  Rewritten from the
# tree by tools/update_objs.py.
# BEGIN OBJS
OBJS = \
	src/guc.o \
	src/init.o \
	src/util/attempt.o \
	src/util/best_values.o \
	src/util/clock.o \
	src/util/counters.o \
	src/util/fault.o \
	src/util/image_hash.o \
	src/util/inheritors.o \
	src/util/only_row.o \
	src/util/row_batch.o \
	src/util/row_function.o \
	src/util/row_limit.o \
	src/util/shared_area.o \
	src/util/short_value.o \
	src/util/sqlbuf.o \
	src/util/statement.o \
	src/util/stored_row.o \
	src/util/wait_event.o \
	src/util/written_row.o \
	src/util/xxhash.o \
	src/util/zset.o \
	src/catalog/alert.o \
	src/catalog/component.o \
	src/catalog/depend.o \
	src/catalog/extension.o \
	src/catalog/fuse.o \
	src/catalog/gate.o \
	src/catalog/history.o \
	src/catalog/internal_table.o \
	src/catalog/saved.o \
	src/catalog/source_copy.o \
	src/catalog/stream_table.o \
	src/capture/book.o \
	src/capture/capture.o \
	src/capture/trigger.o \
	src/store/commit_time.o \
	src/store/frontier.o \
	src/store/read.o \
	src/store/segment.o \
	src/store/view.o \
	src/store/wake.o \
	src/store/watch.o \
	src/store/write.o \
	src/store/writers.o \
	src/query/analyze.o \
	src/query/any.o \
	src/query/build.o \
	src/query/clock.o \
	src/query/decorrelate.o \
	src/query/dependencies.o \
	src/query/distinct_on.o \
	src/query/domain.o \
	src/query/from.o \
	src/query/grouping_sets.o \
	src/query/index_advice.o \
	src/query/lateral.o \
	src/query/limits.o \
	src/query/locate.o \
	src/query/lookup.o \
	src/query/make.o \
	src/query/monotone.o \
	src/query/numeric_scale.o \
	src/query/ordered.o \
	src/query/outer.o \
	src/query/record.o \
	src/query/recursive.o \
	src/query/restrict.o \
	src/query/rounds.o \
	src/query/setop.o \
	src/query/slice.o \
	src/query/slice_level.o \
	src/query/slice_prepare.o \
	src/query/source_facts.o \
	src/query/source_filter.o \
	src/query/sublink.o \
	src/query/top.o \
	src/query/untie.o \
	src/query/whole_row.o \
	src/query/window.o \
	src/query/window_order.o \
	src/query/window_share.o \
	src/delta/aggregate.o \
	src/delta/block.o \
	src/delta/clock.o \
	src/delta/join.o \
	src/delta/outer.o \
	src/delta/program.o \
	src/delta/recursive.o \
	src/delta/reduce.o \
	src/delta/slice.o \
	src/delta/slice_core.o \
	src/delta/top.o \
	src/delta/wanted_keys.o \
	src/delta/window.o \
	src/apply/apply.o \
	src/apply/fill.o \
	src/apply/find.o \
	src/apply/guard.o \
	src/apply/identity.o \
	src/apply/partition.o \
	src/apply/room.o \
	src/apply/write.o \
	src/refresh/budget.o \
	src/refresh/component_run.o \
	src/refresh/cost.o \
	src/refresh/entry.o \
	src/refresh/group.o \
	src/refresh/hold.o \
	src/refresh/identity.o \
	src/refresh/member.o \
	src/refresh/next_time.o \
	src/refresh/node_run.o \
	src/refresh/poll.o \
	src/refresh/progress.o \
	src/refresh/recursion_run.o \
	src/refresh/refresh.o \
	src/refresh/relation_mark.o \
	src/refresh/slice_run.o \
	src/refresh/source_read.o \
	src/refresh/verify.o \
	src/refresh/wanted_run.o \
	src/refresh/window_run.o \
	src/schedule/check.o \
	src/schedule/failure.o \
	src/schedule/graph.o \
	src/schedule/held.o \
	src/schedule/launcher.o \
	src/schedule/node.o \
	src/schedule/probation.o \
	src/schedule/queue.o \
	src/schedule/scheduler.o \
	src/schedule/spacing.o \
	src/schedule/tally.o \
	src/schedule/timing.o \
	src/schedule/unit.o \
	src/schedule/watch.o \
	src/schedule/worker.o \
	src/api/alter.o \
	src/api/arguments.o \
	src/api/aside.o \
	src/api/bulk.o \
	src/api/cache.o \
	src/api/canary.o \
	src/api/capture_info.o \
	src/api/change_rows.o \
	src/api/control.o \
	src/api/create.o \
	src/api/debug.o \
	src/api/definition.o \
	src/api/drain.o \
	src/api/drop.o \
	src/api/explain.o \
	src/api/export.o \
	src/api/facts.o \
	src/api/freshness.o \
	src/api/fuse.o \
	src/api/gate.o \
	src/api/graph.o \
	src/api/group.o \
	src/api/hash.o \
	src/api/information.o \
	src/api/jobs.o \
	src/api/lifecycle.o \
	src/api/lineage.o \
	src/api/name.o \
	src/api/online.o \
	src/api/operators.o \
	src/api/parameter.o \
	src/api/partition.o \
	src/api/partition_ddl.o \
	src/api/progress.o \
	src/api/recommend.o \
	src/api/redefine.o \
	src/api/refuse.o \
	src/api/rename.o \
	src/api/replace.o \
	src/api/restore.o \
	src/api/restore_source.o \
	src/api/service.o \
	src/api/source_ddl.o \
	src/api/source_name.o \
	src/api/stream_ddl.o \
	src/api/two_phase.o \
	src/api/validate.o \
	src/api/watermark.o
# END OBJS

# A source file that is not in the list would be left out of the library and
# show up only as an undefined symbol when it is loaded.
ST_SOURCES := $(sort $(patsubst $(ST_TOP)/%,%,$(shell find $(ST_TOP)/src -name '*.c' 2>/dev/null)))
ST_UNLISTED := $(filter-out $(OBJS:.o=.c),$(ST_SOURCES))
ST_GONE := $(filter-out $(ST_SOURCES),$(OBJS:.o=.c))
ifneq ($(ST_UNLISTED),)
$(error not in OBJS of the Makefile: $(ST_UNLISTED) (tools/update_objs.py adds them))
endif
ifneq ($(ST_GONE),)
$(error in OBJS of the Makefile, but there is no such file: $(ST_GONE) (tools/update_objs.py removes them))
endif

# SQL: the install script is put together from the files that sql/order.txt
# names.  An update script A--B.sql of sql/updates has only what must be done by
# hand; one that leads to the present version gets every function and view
# appended, so that an updated database has the same ones as a new one.
ST_SQL_FILES := $(addprefix $(ST_TOP)/sql/,$(shell sed 's/\#.*//' $(ST_TOP)/sql/order.txt 2>/dev/null))
ST_SQL_RERUN := $(filter $(ST_TOP)/sql/functions/% $(ST_TOP)/sql/views/%,$(ST_SQL_FILES))
ST_SQL_UPDATES := $(patsubst $(ST_TOP)/sql/updates/%,$(EXTENSION)--%,$(wildcard $(ST_TOP)/sql/updates/*--*.sql))
ST_SQL_INSTALL = $(EXTENSION)--$(EXTVERSION).sql

DATA_built = $(ST_SQL_INSTALL) $(ST_SQL_UPDATES)
EXTRA_CLEAN = $(EXTENSION)--*.sql results output_iso regression.diffs regression.out tmp_check log

# Tests by name; "setup" makes the extension and goes first.
ST_REGRESS_ALL := $(sort $(patsubst $(ST_TOP)/test/sql/%.sql,%,$(wildcard $(ST_TOP)/test/sql/*.sql)))
REGRESS = $(filter setup,$(ST_REGRESS_ALL)) $(filter-out setup,$(ST_REGRESS_ALL))
REGRESS_OPTS = --inputdir=$(ST_TOP)/test --outputdir=.
ISOLATION = $(sort $(patsubst $(ST_TOP)/test/specs/%.spec,%,$(wildcard $(ST_TOP)/test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(ST_TOP)/test --outputdir=output_iso --load-extension=pg_trickle
# PGXS takes a variable that is defined but empty for a list of tests.
ifeq ($(strip $(REGRESS)),)
undefine REGRESS
endif
ifeq ($(strip $(ISOLATION)),)
undefine ISOLATION
endif

# No bitcode: it would need the clang the server was built with, and our
# functions are too large to be inlined.
ifneq ($(origin with_llvm),command line)
override with_llvm := no
endif

WERROR = 1
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-clobbered \
	-Wno-declaration-after-statement $(ST_CLANG_FLAGS)
# clang does not know all of these, nor all that a server built with gcc adds.
ST_CLANG_FLAGS = $(if $(findstring clang,$(CC)),-Wno-unknown-warning-option \
	-Wno-ignored-optimization-argument)
ifneq ($(WERROR),)
PG_CFLAGS += -Werror
endif
PG_CPPFLAGS = -I$(ST_TOP)/src -DST_VERSION='"$(EXTVERSION)"'
ifneq ($(FAULT_POINTS),)
PG_CPPFLAGS += -DST_FAULT_POINTS
endif

# A server configured inside its own source tree has lost the line of PGXS that
# does this.
ifneq ($(ST_TOP),$(CURDIR))
VPATH := $(ST_TOP)
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Warnings in PostgreSQL's own headers are not ours to mend.
override CPPFLAGS := $(patsubst -I$(includedir_server),-isystem $(includedir_server),$(patsubst -I$(includedir_internal),-isystem $(includedir_internal),$(CPPFLAGS)))

# Any header may be in any file: the whole builds in seconds, and a stale
# object costs more than that.
ST_HEADERS := $(shell find $(ST_TOP)/src -name '*.h' 2>/dev/null)
$(OBJS): $(ST_HEADERS) $(ST_TOP)/Makefile $(ST_TOP)/pg_trickle.control

# In a build elsewhere the rooms' directories do not exist yet.  Not a rule:
# make would find the directory of the source tree and be content.
$(shell mkdir -p . $(sort $(dir $(OBJS))))

all: $(ST_SQL_INSTALL) $(ST_SQL_UPDATES)

$(ST_SQL_INSTALL): $(ST_SQL_FILES) $(wildcard $(ST_TOP)/sql/order.txt) $(ST_TOP)/Makefile $(ST_TOP)/pg_trickle.control
	{ printf '%s\n' '\echo Use "CREATE EXTENSION pg_trickle" to load this file. \quit'; \
	  for f in $(ST_SQL_FILES); do echo; cat $$f || exit 1; done; } >$@.tmp
	mv $@.tmp $@

$(ST_SQL_UPDATES): $(EXTENSION)--%: $(ST_TOP)/sql/updates/% $(ST_SQL_RERUN) $(ST_TOP)/Makefile
	{ printf '%s\n' '\echo Use "ALTER EXTENSION pg_trickle UPDATE" to load this file. \quit'; \
	  echo; cat $<; \
	  case $@ in *--$(EXTVERSION).sql) \
	    for f in $(ST_SQL_RERUN); do echo; cat $$f || exit 1; done;; esac; } >$@.tmp
	mv $@.tmp $@
