"""What a refresh reads: rows and pages.

    with Cost(conn) as cost:
        conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
    cost.rows, cost.pages, cost.source_rows("t"), cost.statements

Two measures that do not trust each other. The statistics of the transaction
count, for every relation but the system's catalogs, what the access methods
return and which pages they ask for, by whatever code: those of the delta's
statements, of apply and of the log. auto_explain measures each statement that
was executed, what its filters threw away included.
"""
import json

COUNTERS = """
    SELECT c.oid::regclass::text,
           pg_stat_get_xact_tuples_returned(c.oid) + CASE WHEN c.relkind = 'i' THEN 0 ELSE pg_stat_get_xact_tuples_fetched(c.oid) END,
           pg_stat_get_xact_blocks_fetched(c.oid)
      FROM pg_class AS c
     WHERE c.relkind IN ('r', 'i', 't', 'm') AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"""


class Statement:
    """One executed statement, from auto_explain."""

    def __init__(self, plan):
        self.text = plan["Query Text"]
        self.plan = plan["Plan"]
        self.nodes = list(self._walk(self.plan))
        self.rows = sum(n["Actual Rows"] * n["Actual Loops"] for n in self.nodes)
        self.removed = sum(map(self._removed, self.nodes))
        # what the node has seen that returns and removes most
        self.widest = max(n["Actual Rows"] * n["Actual Loops"] + self._removed(n) for n in self.nodes)
        self.pages = sum(self.plan[k] for k in ("Shared Hit Blocks", "Shared Read Blocks"))
        self.scanned = {n["Relation Name"] for n in self.nodes if n["Node Type"] == "Seq Scan"}

    @staticmethod
    def _removed(node):
        return sum(node.get(k, 0) for k in ("Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter")) * \
            node["Actual Loops"]

    def _walk(self, node):
        yield node
        for child in node.get("Plans", ()):
            yield from self._walk(child)

    def __str__(self):
        return f"{self.rows:.0f} rows, {self.removed:.0f} removed, {self.pages} pages: {self.text}\n{json.dumps(self.plan, indent=1)}"


class Cost:
    def __init__(self, conn):
        self.conn = conn
        self.statements = []
        conn.execute("LOAD 'auto_explain'")
        for name, value in (("log_min_duration", "0"), ("log_analyze", "on"), ("log_buffers", "on"), ("log_timing", "off"),
                            ("log_nested_statements", "on"), ("log_format", "json"), ("log_level", "notice")):
            conn.execute(f"SET auto_explain.{name} = '{value}'")

    def _counters(self):
        return {name: (rows, pages) for name, rows, pages in self.conn.execute(COUNTERS)}

    def _notice(self, notice):
        if "plan:\n" in notice.message_primary:
            plan = json.loads(notice.message_primary.split("plan:\n", 1)[1])
            # what the user called, and our own catalog statements
            if not any(name in plan["Query Text"] for name in ("pgtrickle.refresh_stream_table", "pgtrickle.pgt_", "pgtrickle.refresh_totals")):
                self.statements.append(Statement(plan))

    def __enter__(self):
        self.conn.execute("BEGIN")
        self.before = self._counters()
        self.conn.execute("SET LOCAL client_min_messages = notice")
        self.conn.add_notice_handler(self._notice)
        return self

    def __exit__(self, kind, value, traceback):
        self.conn.remove_notice_handler(self._notice)
        if kind is not None:
            self.conn.execute("ROLLBACK")
            return
        self.conn.execute("SET LOCAL auto_explain.log_min_duration = -1")
        self.by_relation = {}
        for name, (rows, pages) in self._counters().items():
            before = self.before.get(name, (0, 0))
            if rows > before[0] or pages > before[1]:
                self.by_relation[name] = (rows - before[0], pages - before[1])
        self.conn.execute("COMMIT")
        self.rows = sum(rows for rows, _ in self.by_relation.values())
        self.pages = sum(pages for _, pages in self.by_relation.values())

    def check(self, rows, pages):
        """Nothing read more rows, filtered ones included, or pages than this."""
        what = "\n".join([f"{self.rows} rows and {self.pages} pages were read, allowed are {rows} and {pages}:",
                          *(f"  {name}: {r} rows, {p} pages" for name, (r, p) in sorted(self.by_relation.items())),
                          *(str(s) for s in self.statements)])
        assert self.rows <= rows and self.pages <= pages, what
        for s in self.statements:
            assert s.rows + s.removed <= rows and s.pages <= pages, what
