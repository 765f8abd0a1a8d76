-- The newest prediction is bounded by the clock, and one without numbers no longer hides the last usable one.

-- What the views need of the configuration: one row, which every job that writes predictions brings up to date.
CREATE TABLE view_rules (
    only_row      BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    clock_skew    INTERVAL NOT NULL CHECK (clock_skew >= INTERVAL '0'), -- etl_config.yaml; a row later than now by more is not the newest
    warning_days  DOUBLE PRECISION NOT NULL, -- scoring.yaml, health
    critical_days DOUBLE PRECISION NOT NULL CHECK (critical_days < warning_days),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO view_rules (clock_skew, warning_days, critical_days) VALUES (INTERVAL '10 minutes', 14, 7);
CREATE TRIGGER trg_updated_at BEFORE UPDATE ON view_rules FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE INDEX idx_predictions_usable ON ml_predictions (compressor_id, prediction_timestamp DESC) WHERE status = 'ok';

-- One row per compressor in service that was ever scored. `SET altaviz.as_of = '2026-03-09T05:50:00Z'` shows the fleet as of then.
--   newest  gives the status with its reasons, and the faults of the data
--   usable  is the last row with numbers, where the newest has none: all else is its. It is void when the compressor was mended after its window began.
--           Rows of a rejected model do not count: of one that was rolled back from by then, unless it was made champion again since
CREATE OR REPLACE VIEW v_latest_predictions AS
WITH given AS (
    SELECT nullif(current_setting('altaviz.as_of', TRUE), '')::timestamptz AS as_of
),
asked AS (
    SELECT coalesce(as_of, now()) AS moment, coalesce(as_of, now() + clock_skew) AS latest, warning_days, critical_days
    FROM given CROSS JOIN view_rules
),
rejected AS (
    SELECT ARRAY(
        SELECT away.previous_version FROM model_decisions AS away
        WHERE away.decision = 'rolled_back' AND away.previous_version IS NOT NULL AND away.decided_at <= asked.moment AND NOT EXISTS (
            SELECT FROM model_decisions AS again
            WHERE again.model_version = away.previous_version AND again.decision IN ('promoted', 'rolled_back')
              AND again.decided_at > away.decided_at AND again.decided_at <= asked.moment
        )
    ) AS versions
    FROM asked
)
SELECT compressor.compressor_id,
       coalesce(usable.prediction_timestamp, newest.prediction_timestamp) AS prediction_timestamp,
       coalesce(usable.model_version, newest.model_version)::varchar(50) AS model_version,
       newest.status,
       coalesce(usable.rul_days, newest.rul_days)::numeric(10, 2) AS rul_days,
       coalesce(usable.rul_lower_days, newest.rul_lower_days)::numeric(10, 2) AS rul_lower_days,
       coalesce(usable.rul_upper_days, newest.rul_upper_days)::numeric(10, 2) AS rul_upper_days,
       coalesce(usable.failure_probability, newest.failure_probability)::numeric(5, 4) AS failure_probability,
       coalesce(usable.confidence_score, newest.confidence_score)::numeric(5, 4) AS confidence_score,
       CASE
           WHEN usable.health IS NULL THEN newest.health
           WHEN usable.health = 'critical' OR life.days_now <= asked.critical_days THEN 'critical' -- never better than it was
           WHEN usable.health = 'warning' OR life.days_now <= asked.warning_days THEN 'warning'
           ELSE 'healthy'
       END::varchar(20) AS health,
       coalesce(usable.horizon_days, newest.horizon_days)::numeric(10, 2) AS horizon_days,
       newest.reasons || coalesce(usable.reasons, '[]') AS reasons,
       coalesce(usable.features_used, newest.features_used) AS features_used,
       coalesce(usable.created_at, newest.created_at) AS created_at,
       coalesce(usable.updated_at, newest.updated_at) AS updated_at,
       coalesce(usable.act_by, newest.act_by) AS act_by,
       coalesce(usable.expected_saving_usd, newest.expected_saving_usd)::numeric(12, 2) AS expected_saving_usd,
       newest.data_faults,
       newest.data_withdrawn_at,
       newest.prediction_timestamp AS status_timestamp, -- when the compressor was last scored: the status is of then
       (life.age_s / 3600)::numeric(10, 2) AS age_hours, -- from prediction_timestamp until now
       life.days_now::numeric(10, 2) AS rul_days_now -- what is left of rul_days by now
FROM asked
CROSS JOIN rejected
CROSS JOIN compressor_metadata AS compressor
CROSS JOIN LATERAL (
    SELECT * FROM ml_predictions AS own
    WHERE own.compressor_id = compressor.compressor_id AND own.prediction_timestamp <= asked.latest AND own.data_withdrawn_at IS NULL
    ORDER BY own.prediction_timestamp DESC, own.updated_at DESC, own.model_version DESC
    LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT * FROM ml_predictions AS own
    WHERE newest.status <> 'ok' AND own.status = 'ok' AND own.compressor_id = compressor.compressor_id
      AND own.prediction_timestamp <= newest.prediction_timestamp AND own.data_withdrawn_at IS NULL
      AND own.model_version <> ALL (rejected.versions)
    ORDER BY own.prediction_timestamp DESC, own.updated_at DESC, own.model_version DESC
    LIMIT 1
) AS usable ON NOT EXISTS (
    SELECT FROM maintenance_events AS event
    WHERE event.compressor_id = compressor.compressor_id AND event.withdrawn_at IS NULL AND event.event_date <= asked.moment
      AND event.event_type IN ('failure', 'scheduled', 'unscheduled')
      AND event.event_date + CASE WHEN event.downtime_hours <= 87600 THEN event.downtime_hours ELSE 0 END * INTERVAL '1 hour'
          > usable.prediction_timestamp - INTERVAL '24 hours'
)
CROSS JOIN LATERAL (
    SELECT age_s, CASE WHEN days < age_s / 86400 THEN 0 ELSE days - age_s / 86400 END AS days_now -- NULL without days
    FROM (
        SELECT coalesce(usable.rul_days, newest.rul_days) AS days,
               greatest(extract(epoch FROM asked.moment - coalesce(usable.prediction_timestamp, newest.prediction_timestamp)), 0) AS age_s
    ) AS own
) AS life
WHERE compressor.retired_at IS NULL;

CREATE OR REPLACE VIEW v_fleet_health_summary AS
WITH alerts AS (
    SELECT compressor_id,
           count(*) FILTER (WHERE source <> 'data') AS active_alerts,
           count(*) FILTER (WHERE source = 'data') AS data_alerts,
           max(health_rank(severity)) FILTER (WHERE source <> 'data') AS worst_rank
    FROM alert_history
    WHERE resolved = FALSE
    GROUP BY compressor_id
),
ranked AS (
    SELECT compressor.compressor_id, compressor.model, compressor.station_id,
           greatest(coalesce(alerts.worst_rank, 0), health_rank(prediction.health)) AS rank,
           coalesce(alerts.active_alerts, 0) AS active_alerts,
           coalesce(alerts.data_alerts, 0) AS data_alerts,
           prediction.status, prediction.rul_days, prediction.failure_probability, prediction.prediction_timestamp, prediction.data_faults,
           prediction.status_timestamp, prediction.age_hours, prediction.rul_days_now
    FROM compressor_metadata AS compressor
    LEFT JOIN alerts USING (compressor_id)
    LEFT JOIN v_latest_predictions AS prediction USING (compressor_id)
    WHERE compressor.retired_at IS NULL
)
SELECT compressor_id, model, station_id,
       CASE rank WHEN 3 THEN 'critical' WHEN 2 THEN 'warning' WHEN 1 THEN 'healthy' ELSE 'unknown' END AS health_status,
       rank AS health_rank, active_alerts, status, rul_days, failure_probability, prediction_timestamp, data_alerts, data_faults,
       status_timestamp, age_hours, rul_days_now
FROM ranked
ORDER BY rank DESC, rul_days_now NULLS LAST, rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id;
