-- The graph of stream tables.

CREATE OR REPLACE FUNCTION pgtrickle.graph_format(format text)
RETURNS text LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'st_sql_graph_format';
COMMENT ON FUNCTION pgtrickle.graph_format(text) IS
    'A format of explain_dag(), mermaid or dot, in lower case; NULL is mermaid. Internal. Error: 22023 for any other.';

CREATE OR REPLACE FUNCTION pgtrickle.explain_dag(format text DEFAULT 'mermaid')
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH wanted AS MATERIALIZED (SELECT pgtrickle.graph_format(explain_dag.format) AS format),
    node AS (
        SELECT t.pgt_id, w.format,
               CASE w.format WHEN 'dot' THEN replace(replace(t.pgt_schema || '.' || t.pgt_name, '\', '\\'), '"', '\"')
                             ELSE replace(replace(t.pgt_schema || '.' || t.pgt_name, '#', '#35;'), '"', '#quot;') END
               || '\n[' || coalesce(t.effective_refresh_mode, t.refresh_mode) || ']' AS label,
               CASE WHEN t.status IN ('SUSPENDED', 'ERROR') THEN '#E74C3C'
                    WHEN t.fuse_state = 'blown' THEN '#F39C12'
                    WHEN t.pgt_schema = 'pgtrickle' AND t.pgt_name LIKE 'df\_%' THEN '#27AE60'
                    ELSE '#4A90D9' END AS colour
          FROM pgtrickle.pgt_stream_tables t, wanted w),
    line AS (
        SELECT 1 AS part, n.pgt_id, 0::bigint AS other,
               CASE n.format WHEN 'dot' THEN format(E'    n%s [label="%s", style=filled, fillcolor="%s"];\n', n.pgt_id, n.label, n.colour)
                             ELSE format(E'    n%s["%s"]\n    style n%s fill:%s\n', n.pgt_id, n.label, n.pgt_id, n.colour) END AS text
          FROM node n
        UNION ALL
        SELECT 2, u.pgt_id, d.pgt_id,
               CASE w.format WHEN 'dot' THEN format(E'    n%s -> n%s;\n', u.pgt_id, d.pgt_id)
                             ELSE format(E'    n%s --> n%s\n', u.pgt_id, d.pgt_id) END
          FROM pgtrickle.pgt_dependencies d
          JOIN pgtrickle.pgt_stream_tables u ON u.pgt_relid = d.source_relid, wanted w)
    SELECT CASE w.format WHEN 'dot' THEN E'digraph stream_tables {\n    rankdir=TB;\n    node [shape=box];\n' ELSE E'graph TD\n' END
           || coalesce((SELECT string_agg(l.text, '' ORDER BY l.part, l.pgt_id, l.other) FROM line l), '')
           || CASE w.format WHEN 'dot' THEN E'}\n' ELSE '' END
      FROM wanted w;
END;
COMMENT ON FUNCTION pgtrickle.explain_dag(text) IS
    'The stream tables and which reads which, as text to be drawn: mermaid or dot (Graphviz). Each with its name and what its last refresh did. Red: SUSPENDED or ERROR; orange: its fuse has blown; green: watches the extension itself; blue: all others. Error: 22023 for another format.';

CREATE OR REPLACE FUNCTION pgtrickle.pgt_scc_status()
RETURNS TABLE(scc_id integer, member_count integer, members text[], last_iterations integer, last_converged_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.scc_id, count(*)::integer, array_agg(t.pgt_schema || '.' || t.pgt_name ORDER BY t.pgt_schema || '.' || t.pgt_name),
           max(t.last_fixpoint_iterations), max(t.last_refresh_at)
      FROM pgtrickle.pgt_stream_tables t
     WHERE t.scc_id IS NOT NULL
     GROUP BY t.scc_id
     ORDER BY t.scc_id;
END;
COMMENT ON FUNCTION pgtrickle.pgt_scc_status() IS
    'Stream tables that read each other, as pg_trickle.allow_circular lets them: one row per cycle, with the rounds that their last refresh took until nothing was new, and when it ended.';

CREATE OR REPLACE FUNCTION pgtrickle.diamond_groups()
RETURNS TABLE(group_id integer, member_name text, member_schema text, is_convergence boolean, epoch bigint, schedule_policy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    -- as for freshness()
    WITH RECURSIVE
    edge AS MATERIALIZED (
        SELECT d.pgt_id AS reader, u.pgt_id AS upstream
          FROM pgtrickle.pgt_dependencies d
          JOIN pgtrickle.pgt_stream_tables u ON u.pgt_relid = d.source_relid),
    fan AS (SELECT e.reader AS joint FROM edge e GROUP BY e.reader HAVING count(*) > 1),
    -- by which of its upstreams a joint is reached from what, stream tables (s) and others (t)
    above(joint, branch, node) AS (
        SELECT f.joint, e.upstream, e.upstream FROM fan f JOIN edge e ON e.reader = f.joint
        UNION
        SELECT a.joint, a.branch, e.upstream FROM above a JOIN edge e ON e.reader = a.node),
    root AS (
        SELECT a.joint, a.branch, 's' || a.node AS root FROM above a
        UNION
        SELECT a.joint, a.branch, 't' || d.source_relid
          FROM above a
          JOIN pgtrickle.pgt_dependencies d ON d.pgt_id = a.node
         WHERE d.source_type NOT IN ('STREAM_TABLE', 'VIEW')),
    shared AS MATERIALIZED (
        SELECT r.joint, r.root FROM root r GROUP BY r.joint, r.root HAVING count(DISTINCT r.branch) > 1),
    -- what lies between: below a shared root, and not shared itself
    below(joint, node) AS (
        SELECT a.joint, a.node
          FROM above a
         WHERE EXISTS (SELECT 1 FROM pgtrickle.pgt_dependencies d
                         JOIN shared s ON s.root = CASE WHEN d.source_type = 'STREAM_TABLE'
                                                        THEN 's' || (SELECT u.pgt_id FROM pgtrickle.pgt_stream_tables u WHERE u.pgt_relid = d.source_relid)
                                                        ELSE 't' || d.source_relid END
                        WHERE d.pgt_id = a.node AND s.joint = a.joint)
        UNION
        SELECT b.joint, e.reader
          FROM below b
          JOIN edge e ON e.upstream = b.node
          JOIN above a ON a.joint = b.joint AND a.node = e.reader),
    member AS MATERIALIZED (
        SELECT DISTINCT s.joint, s.joint AS node FROM shared s
        UNION
        SELECT b.joint, b.node FROM below b
         WHERE NOT EXISTS (SELECT 1 FROM shared s WHERE s.joint = b.joint AND s.root = 's' || b.node)),
    -- diamonds that share a member are one group
    joined(joint, other) AS (
        SELECT m.joint, m.joint FROM member m
        UNION
        SELECT j.joint, o.joint FROM joined j JOIN member m ON m.joint = j.other JOIN member o ON o.node = m.node),
    grouped AS (
        SELECT m.node, min(j.other) AS first
          FROM member m
          JOIN joined j ON j.joint = m.joint
         GROUP BY m.node),
    described AS (
        SELECT g.first, t.pgt_name, t.pgt_schema, t.diamond_schedule_policy,
               EXISTS (SELECT 1 FROM shared s WHERE s.joint = g.node) AS convergence,
               coalesce((SELECT c.completed FROM pgtrickle.refresh_counts c WHERE c.pgt_id = g.node), 0) AS runs
          FROM grouped g
          JOIN pgtrickle.pgt_stream_tables t ON t.pgt_id = g.node)
    SELECT dense_rank() OVER (ORDER BY d.first)::integer, d.pgt_name, d.pgt_schema, d.convergence,
           max(d.runs) FILTER (WHERE d.convergence) OVER (PARTITION BY d.first),
           CASE WHEN bool_or(d.convergence AND d.diamond_schedule_policy = 'slowest') OVER (PARTITION BY d.first) THEN 'slowest' ELSE 'fastest' END
      FROM described d
     ORDER BY 1, d.pgt_schema, d.pgt_name;
END;
COMMENT ON FUNCTION pgtrickle.diamond_groups() IS
    'Stream tables that are reached from one source by several ways and read together again: one row per member. is_convergence: it reads several of the others. epoch: completed refreshes of those since they were created, the greatest number. schedule_policy: slowest if one of those asks for it. group_id numbers the groups of the present graph.';
