-- Tables, month partitions, indexes and the updated_at trigger. Times are timestamptz; months are UTC months.

CREATE TABLE station_locations (
    station_id   VARCHAR(50) PRIMARY KEY,
    basin        VARCHAR(100),
    town         VARCHAR(100),
    latitude     DOUBLE PRECISION CHECK (latitude BETWEEN -90 AND 90),
    longitude    DOUBLE PRECISION CHECK (longitude BETWEEN -180 AND 180),
    time_zone    VARCHAR(50), -- NULL, like all the above: a station known only from a compressor's metadata
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE compressor_metadata (
    compressor_id VARCHAR(50) PRIMARY KEY,
    model         VARCHAR(100) NOT NULL,
    horsepower    DOUBLE PRECISION CHECK (horsepower > 0), -- rated hp
    install_date  DATE,
    station_id    VARCHAR(50) REFERENCES station_locations,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE maintenance_events (
    compressor_id  VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    event_date     TIMESTAMPTZ NOT NULL,
    event_type     VARCHAR(20) NOT NULL CHECK (event_type IN ('scheduled', 'unscheduled', 'inspection', 'failure')),
    description    TEXT,
    downtime_hours DOUBLE PRECISION CHECK (downtime_hours >= 0),
    severity       VARCHAR(20),
    cost_usd       NUMERIC(12, 2) CHECK (cost_usd >= 0),
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (compressor_id, event_date, event_type)
);

-- One row per compressor, hour mark and window (agg_timestamp - window, agg_timestamp]; REAL holds a sensor's digits.
CREATE TABLE sensor_readings_agg (
    compressor_id          VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    window_type            VARCHAR(4) NOT NULL CHECK (window_type IN ('1hr', '4hr', '24hr')),
    agg_timestamp          TIMESTAMPTZ NOT NULL,
    reading_count          INTEGER NOT NULL CHECK (reading_count > 0),
    vibration_avg          REAL, -- mm/s RMS
    vibration_std          REAL,
    vibration_min          REAL,
    vibration_max          REAL,
    discharge_temp_avg     REAL, -- F
    discharge_temp_std     REAL,
    discharge_temp_min     REAL,
    discharge_temp_max     REAL,
    suction_pressure_avg   REAL, -- PSI
    suction_pressure_std   REAL,
    suction_pressure_min   REAL,
    suction_pressure_max   REAL,
    discharge_pressure_avg REAL, -- PSI
    discharge_pressure_std REAL,
    discharge_pressure_min REAL,
    discharge_pressure_max REAL,
    horsepower_avg         REAL, -- hp
    horsepower_std         REAL,
    horsepower_min         REAL,
    horsepower_max         REAL,
    gas_flow_avg           REAL, -- Mcf/day
    gas_flow_std           REAL,
    gas_flow_min           REAL,
    gas_flow_max           REAL,
    created_at             TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at             TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (compressor_id, window_type, agg_timestamp)
) PARTITION BY RANGE (agg_timestamp);

CREATE TABLE alert_history (
    compressor_id    VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    alert_type       VARCHAR(50) NOT NULL,
    alert_timestamp  TIMESTAMPTZ NOT NULL,
    severity         VARCHAR(20) NOT NULL CHECK (severity IN ('warning', 'critical')),
    message          TEXT NOT NULL,
    value            DOUBLE PRECISION, -- what was measured or predicted, in the threshold's unit
    threshold        DOUBLE PRECISION,
    escalation_level INTEGER NOT NULL DEFAULT 0 CHECK (escalation_level >= 0),
    acknowledged_at  TIMESTAMPTZ,
    acknowledged_by  VARCHAR(100),
    resolved         BOOLEAN NOT NULL DEFAULT FALSE,
    resolved_at      TIMESTAMPTZ,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT alert_resolved_has_its_time CHECK (resolved = (resolved_at IS NOT NULL)),
    PRIMARY KEY (compressor_id, alert_type, alert_timestamp)
) PARTITION BY RANGE (alert_timestamp);

CREATE TABLE data_quality_metrics (
    metric_timestamp TIMESTAMPTZ NOT NULL, -- as_of of the run that measured
    stage            VARCHAR(50) NOT NULL,
    metric_name      VARCHAR(100) NOT NULL,
    metric_value     DOUBLE PRECISION NOT NULL,
    passed           BOOLEAN, -- NULL: measured, not judged
    details          JSONB NOT NULL DEFAULT '{}',
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (stage, metric_name, metric_timestamp)
) PARTITION BY RANGE (metric_timestamp);

CREATE TABLE ml_predictions (
    compressor_id        VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    prediction_timestamp TIMESTAMPTZ NOT NULL, -- as_of: the end of the model's window
    model_version        VARCHAR(50) NOT NULL,
    status               VARCHAR(20) NOT NULL CHECK (status IN ('ok', 'insufficient_history', 'stale')),
    rul_days             DECIMAL(10, 2) CHECK (rul_days >= 0),
    rul_lower_days       DECIMAL(10, 2) CHECK (rul_lower_days >= 0),
    rul_upper_days       DECIMAL(10, 2),
    failure_probability  DECIMAL(5, 4) CHECK (failure_probability BETWEEN 0 AND 1), -- within horizon_days
    confidence_score     DECIMAL(5, 4) CHECK (confidence_score BETWEEN 0 AND 1),
    health               VARCHAR(20) CHECK (health IN ('healthy', 'warning', 'critical')),
    horizon_days         DECIMAL(10, 2) NOT NULL CHECK (horizon_days > 0),
    reasons              JSONB NOT NULL DEFAULT '[]',
    features_used        JSONB NOT NULL DEFAULT '{}',
    created_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT prediction_interval_in_order CHECK (rul_lower_days <= rul_days AND rul_days <= rul_upper_days),
    CONSTRAINT prediction_numbers_only_when_ok CHECK (
        CASE
            WHEN status = 'ok' THEN num_nulls(rul_days, rul_lower_days, rul_upper_days, failure_probability, confidence_score, health) = 0
            ELSE num_nonnulls(rul_days, rul_lower_days, rul_upper_days, failure_probability, confidence_score, health) = 0
        END
    ),
    PRIMARY KEY (compressor_id, model_version, prediction_timestamp)
) PARTITION BY RANGE (prediction_timestamp);

CREATE INDEX idx_compressor_station ON compressor_metadata (station_id);
CREATE INDEX idx_compressor_model ON compressor_metadata (model);
CREATE INDEX idx_events_date ON maintenance_events (event_date DESC);
CREATE INDEX idx_events_type ON maintenance_events (event_type, event_date DESC);
CREATE INDEX idx_agg_window_time ON sensor_readings_agg (window_type, agg_timestamp DESC);
CREATE INDEX idx_agg_time ON sensor_readings_agg USING brin (agg_timestamp);
CREATE INDEX idx_alert_unresolved ON alert_history (compressor_id, alert_timestamp DESC) WHERE resolved = FALSE;
CREATE INDEX idx_alert_severity ON alert_history (severity, alert_timestamp DESC);
CREATE INDEX idx_alert_type ON alert_history (alert_type, alert_timestamp DESC);
CREATE INDEX idx_quality_time ON data_quality_metrics (metric_timestamp DESC);
CREATE INDEX idx_quality_failed ON data_quality_metrics (metric_timestamp DESC) WHERE passed = FALSE;
CREATE INDEX idx_quality_details ON data_quality_metrics USING gin (details jsonb_path_ops);
CREATE INDEX idx_predictions_rul ON ml_predictions (rul_days) WHERE rul_days < 30;
CREATE INDEX idx_predictions_time ON ml_predictions (prediction_timestamp DESC);
CREATE INDEX idx_predictions_model ON ml_predictions (model_version, prediction_timestamp DESC);

CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['station_locations', 'compressor_metadata', 'maintenance_events', 'sensor_readings_agg',
                                'alert_history', 'data_quality_metrics', 'ml_predictions'] LOOP
        EXECUTE format('CREATE TRIGGER trg_updated_at BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION set_updated_at()', name);
    END LOOP;
END
$$;

-- Creates the partitions of `parent` that hold `moments` and do not exist yet; returns how many it made.
-- The advisory lock lets concurrent writers of one new month wait for each other instead of failing. ATTACH, unlike PARTITION OF, lets
-- others go on reading and writing the parent meanwhile, so two transactions that have done so cannot block each other.
CREATE FUNCTION ensure_month_partitions(parent text, moments timestamptz[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    child text;
    made integer := 0;
BEGIN
    FOR month IN SELECT DISTINCT date_trunc('month', moment AT TIME ZONE 'UTC') FROM unnest(moments) AS moment ORDER BY 1 LOOP
        child := parent || to_char(month, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass(quote_ident(child)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('altaviz.partitions'));
        -- not to_regclass: its cache may still miss what another transaction committed while this one waited
        CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE relname = child AND relnamespace = current_schema()::regnamespace);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
