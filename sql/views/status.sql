-- Views over the catalog.

CREATE OR REPLACE VIEW pgtrickle.stream_table_reasons AS
SELECT t.pgt_schema, t.pgt_name, t.refresh_mode, i.requested_refresh_mode, i.full_reason
  FROM pgtrickle.pgt_stream_tables t
  JOIN pgtrickle.stream_table_internals i USING (pgt_id);
COMMENT ON VIEW pgtrickle.stream_table_reasons IS 'Why a stream table is recomputed instead of following the changes.';
COMMENT ON COLUMN pgtrickle.stream_table_reasons.pgt_schema IS 'Schema of the stream table.';
COMMENT ON COLUMN pgtrickle.stream_table_reasons.pgt_name IS 'Name of the stream table.';
COMMENT ON COLUMN pgtrickle.stream_table_reasons.refresh_mode IS 'The mode in force.';
COMMENT ON COLUMN pgtrickle.stream_table_reasons.requested_refresh_mode IS 'The mode asked for.';
COMMENT ON COLUMN pgtrickle.stream_table_reasons.full_reason IS 'Why there is no delta; NULL: there is one.';
GRANT SELECT ON pgtrickle.stream_table_reasons TO PUBLIC;
