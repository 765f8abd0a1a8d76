-- What is wrong with a compressor's data: a prediction says it, and one that lacks too much has the status `bad_data` and no number.

ALTER TABLE ml_predictions
    ADD COLUMN data_faults JSONB NOT NULL DEFAULT '[]', -- [{sensor, fault, since, detail}]
    DROP CONSTRAINT ml_predictions_status_check,
    ADD CONSTRAINT ml_predictions_status_check CHECK (status IN ('ok', 'insufficient_history', 'stale', 'bad_data'));

COMMENT ON COLUMN alert_history.source IS 'threshold: a limit was passed; data: a sensor has a fault (alert_type is sensor and fault)';

-- The columns of a view are those its table had when it was made.
CREATE OR REPLACE VIEW v_latest_predictions AS
SELECT prediction.*
FROM compressor_metadata AS compressor
CROSS JOIN LATERAL (
    SELECT * FROM ml_predictions
    WHERE ml_predictions.compressor_id = compressor.compressor_id
    ORDER BY prediction_timestamp DESC, updated_at DESC, model_version DESC
    LIMIT 1
) AS prediction;

-- A data fault says nothing of the machine: it is counted by itself and moves no health.
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
           prediction.status, prediction.rul_days, prediction.failure_probability, prediction.prediction_timestamp, prediction.data_faults
    FROM compressor_metadata AS compressor
    LEFT JOIN alerts USING (compressor_id)
    LEFT JOIN v_latest_predictions AS prediction USING (compressor_id)
)
SELECT compressor_id, model, station_id,
       CASE rank WHEN 3 THEN 'critical' WHEN 2 THEN 'warning' WHEN 1 THEN 'healthy' ELSE 'unknown' END AS health_status,
       rank AS health_rank, active_alerts, status, rul_days, failure_probability, prediction_timestamp, data_alerts, data_faults
FROM ranked
ORDER BY rank DESC, rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id;
