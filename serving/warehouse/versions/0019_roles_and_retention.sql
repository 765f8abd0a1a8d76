-- Three group roles with least privilege, partitions made ahead, and months that retention dropped.

-- Months that retention dropped. A row of such a month is refused, until a longer retention wants the month again.
CREATE TABLE retention (
    table_name   TEXT PRIMARY KEY,
    kept_since   TIMESTAMPTZ NOT NULL, -- start of a UTC month; earlier months without a partition were dropped
    rows_dropped BIGINT NOT NULL DEFAULT 0, -- in all
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TRIGGER trg_updated_at BEFORE UPDATE ON retention FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- As before, and: a dropped month is refused, and so is one more than a year after now (or after the present of a replay): a sensor's clock is wrong.
-- It runs as its owner, so that a writer may add partitions without owning tables.
CREATE OR REPLACE FUNCTION ensure_month_partitions(parent text, moments timestamptz[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    child text;
    since timestamptz;
    present timestamptz;
    made integer := 0;
BEGIN
    FOR month IN SELECT DISTINCT date_trunc('month', moment AT TIME ZONE 'UTC') FROM unnest(moments) AS moment ORDER BY 1 LOOP
        child := parent || to_char(month, '"_y"YYYY"m"MM');
        CONTINUE WHEN EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(child)) AND NOT inhdetachpending);
        SELECT kept_since INTO since FROM retention WHERE table_name = parent;
        IF month AT TIME ZONE 'UTC' < since THEN
            RAISE EXCEPTION '% keeps rows since % (retention in database.yaml), so it takes none of %; keep more months, run altaviz maintain, then repeat this',
                parent, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM'), to_char(month, 'YYYY-MM') USING ERRCODE = 'check_violation';
        END IF;
        SELECT greatest(now(), replay_as_of) INTO present FROM view_rules;
        IF month AT TIME ZONE 'UTC' > present + INTERVAL '1 year' THEN
            RAISE EXCEPTION '% takes no row of %: it is more than a year after the present; correct the time of what you write',
                parent, to_char(month, 'YYYY-MM') USING ERRCODE = 'check_violation';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('altaviz.partitions'));
        -- not to_regclass: its cache may still miss what another transaction committed while this one waited
        CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE relname = child AND relnamespace = current_schema()::regnamespace AND relispartition);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION ensure_month_partitions(text, timestamptz[]) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END
$$;

-- Create the roles where this server lets us, and give each what it needs of every table, view and function there is now.
--   altaviz_reader  reads, but no hash of a key, no content of a message, and no body of a request
--   altaviz_writer  reads and writes rows, but only adds to api_writes
--   altaviz_owner   owns everything: for migrations and retention
-- A partition needs no grant: it is read and written through its table. Returns the roles that are missing. Repeating it changes nothing.
CREATE FUNCTION grant_roles() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT regnamespace := current_schema()::regnamespace;
    may_create CONSTANT boolean := (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user);
    secrets CONSTANT jsonb := '{"api_keys": ["key_sha256"], "outbox": ["payload", "last_error"], "api_writes": ["details"]}';
    missing text[] := '{}';
    role text;
    item record;
BEGIN
    FOREACH role IN ARRAY ARRAY['altaviz_reader', 'altaviz_writer', 'altaviz_owner'] LOOP
        IF to_regrole(role) IS NULL AND may_create THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server did it meanwhile
            END;
            IF NOT pg_has_role(current_user, role, 'SET') THEN -- whoever creates a role without being superuser only administers it
                EXECUTE format('GRANT %I TO CURRENT_USER', role);
            END IF;
        END IF;
        IF to_regrole(role) IS NULL THEN
            missing := missing || role;
        ELSIF NOT has_schema_privilege(role, here::oid, 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', here, role);
        END IF;
    END LOOP;

    IF to_regrole('altaviz_owner') IS NOT NULL AND pg_has_role(current_user, 'altaviz_owner', 'SET') THEN
        IF NOT has_schema_privilege('altaviz_owner', here::oid, 'CREATE') THEN
            EXECUTE format('GRANT CREATE ON SCHEMA %s TO altaviz_owner', here);
        END IF;
        FOR item IN
            SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, oid::regclass::text AS name
            FROM pg_class
            WHERE relnamespace = here AND relkind IN ('r', 'p', 'v', 'S') AND relowner <> 'altaviz_owner'::regrole
              AND pg_has_role(current_user, relowner, 'USAGE')
              AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i') AND relkind = 'S')
            UNION ALL
            SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
            WHERE pronamespace = here AND proowner <> 'altaviz_owner'::regrole AND pg_has_role(current_user, proowner, 'USAGE')
        LOOP
            EXECUTE format('ALTER %s %s OWNER TO altaviz_owner', item.kind, item.name);
        END LOOP;
    END IF;

    FOR item IN
        SELECT relation.relname AS name, relation.oid::regclass AS relation, relation.relkind AS kind, (
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped AND NOT coalesce(secrets -> relation.relname::text ? attname::text, FALSE)
        ) AS open_columns
        FROM pg_class AS relation
        WHERE relnamespace = here AND relkind IN ('r', 'p', 'v') AND NOT relispartition
    LOOP
        IF to_regrole('altaviz_reader') IS NOT NULL THEN
            EXECUTE format('GRANT SELECT %s ON %s TO altaviz_reader',
                           CASE WHEN secrets ? item.name::text THEN '(' || item.open_columns || ')' ELSE '' END, item.relation);
        END IF;
        IF to_regrole('altaviz_writer') IS NOT NULL THEN
            EXECUTE format('GRANT %s ON %s TO altaviz_writer', CASE
                WHEN item.kind = 'v' OR item.name = 'alembic_version' THEN 'SELECT'
                WHEN item.name = 'api_writes' THEN 'SELECT, INSERT'
                ELSE 'SELECT, INSERT, UPDATE, DELETE'
            END, item.relation);
        END IF;
    END LOOP;
    IF to_regrole('altaviz_writer') IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %s TO altaviz_writer', here);
        REVOKE EXECUTE ON FUNCTION ensure_month_partitions(text, timestamptz[]) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION ensure_month_partitions(text, timestamptz[]) TO altaviz_writer;
    END IF;
    RETURN missing;
END
$$;
