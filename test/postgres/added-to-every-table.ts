/**
 * Everything that a later migration may add (migration-rules.test.ts), on every table: columns that may
 * be null, columns with a default, checks of those alone, indexes; and a migration that says so.
 */
export const ADDED_TO_EVERY_TABLE = `
  DO $$
  DECLARE old record;
  BEGIN
    FOR old IN SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p') AND NOT relispartition
    LOOP
      EXECUTE format('ALTER TABLE %I ADD COLUMN added_id bigint,
        ADD COLUMN added_state text NOT NULL DEFAULT ''new'' CHECK (added_state <> ''''),
        ADD COLUMN added_at timestamptz NOT NULL DEFAULT clock_timestamp()', old.name);
      EXECUTE format('CREATE INDEX ON %I (added_at)', old.name);
    END LOOP;
    CREATE TABLE added (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, more text);
    INSERT INTO migration (version, name, checksum, compatible_from)
      SELECT max(version) + 1, 'a-later-one.sql', 'x', max(version) FROM migration;
  END $$`;
