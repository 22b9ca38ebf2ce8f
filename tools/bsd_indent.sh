#!/bin/bash
#
# tools/bsd_indent.sh ARGUMENTS... [FILE] - pg_bsd_indent ($PG_BSD_INDENT) for
# tools/indent.sh, helped over what it does not know:
#
# - foreach and its kin begin a statement, like "for"; for pg_bsd_indent they
#   are calls, and a body without braces is laid out as if it stood beside them
#   (keep the head on one line, or its second one goes astray);
# - a designated initialiser after the first one has a blank before it;
# - "text" and "int8" are types only before a name or a star, and else names.

set -euo pipefail

loops='foreach|forboth|forthree|for_each_from|for_each_cell'
file=${!#}
[ -f "$file" ] || exec "$PG_BSD_INDENT" "$@"
trap 'rm -f "$file.BAK"' EXIT
perl -pi -e "s/^(\s*)($loops)\(/\${1}for (ST_LOOP_\$2, /;
	s/\btext\b(?!\s*[*\w])/t_xt/g; s/\bint8\b(?!\s*[*\w])/i_t8/g" "$file"
"$PG_BSD_INDENT" "$@"
perl -pi -e "s/\bfor \(ST_LOOP_($loops), /\$1(/; s/,(\.[a-z_]+ = )/, \$1/g;
	s/\bt_xt\b/text/g; s/\bi_t8\b/int8/g" "$file"
