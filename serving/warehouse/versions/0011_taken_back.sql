-- What the source takes back stays, with when and by whom, and counts no more: an event, a compressor, the readings under a prediction.

ALTER TABLE maintenance_events
    ADD COLUMN withdrawn_at TIMESTAMPTZ, -- NULL: in force
    ADD COLUMN withdrawn_by TEXT, -- file name and start of its SHA-256
    ADD CONSTRAINT event_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL));

ALTER TABLE compressor_metadata
    ADD COLUMN retired_at TIMESTAMPTZ, -- NULL: in service
    ADD COLUMN retired_by TEXT, -- the file that names it no more, its retired_date, or who retired it by hand and why
    ADD CONSTRAINT compressor_retired_by_somebody CHECK ((retired_at IS NULL) = (retired_by IS NULL));

ALTER TABLE ml_predictions
    ADD COLUMN data_withdrawn_at TIMESTAMPTZ; -- it was made from readings of a file that was taken back then

CREATE INDEX idx_predictions_withdrawn ON ml_predictions (compressor_id) WHERE data_withdrawn_at IS NOT NULL;

COMMENT ON COLUMN ml_predictions.data_withdrawn_at IS 'made from readings of a file that was withdrawn then; NULL: of none';

-- Events that count: a planner's query needs no condition of its own.
CREATE VIEW v_maintenance_events AS
SELECT compressor_id, event_date, event_type, description, downtime_hours, severity, cost_usd
FROM maintenance_events
WHERE withdrawn_at IS NULL;

-- Compressors in service, and no number from withdrawn readings. The columns of a view are those its table had when it was made.
CREATE OR REPLACE VIEW v_latest_predictions AS
SELECT prediction.*
FROM compressor_metadata AS compressor
CROSS JOIN LATERAL (
    SELECT * FROM ml_predictions
    WHERE ml_predictions.compressor_id = compressor.compressor_id AND ml_predictions.data_withdrawn_at IS NULL
    ORDER BY prediction_timestamp DESC, updated_at DESC, model_version DESC
    LIMIT 1
) AS prediction
WHERE compressor.retired_at IS NULL;

CREATE OR REPLACE VIEW v_active_alerts AS
SELECT alert.*, compressor.model, compressor.station_id, station.basin, health_rank(alert.severity) AS severity_rank
FROM alert_history AS alert
JOIN compressor_metadata AS compressor USING (compressor_id)
LEFT JOIN station_locations AS station USING (station_id)
WHERE alert.resolved = FALSE AND compressor.retired_at IS NULL
ORDER BY health_rank(alert.severity) DESC, alert.alert_timestamp DESC;

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
    WHERE compressor.retired_at IS NULL
)
SELECT compressor_id, model, station_id,
       CASE rank WHEN 3 THEN 'critical' WHEN 2 THEN 'warning' WHEN 1 THEN 'healthy' ELSE 'unknown' END AS health_status,
       rank AS health_rank, active_alerts, status, rul_days, failure_probability, prediction_timestamp, data_alerts, data_faults
FROM ranked
ORDER BY rank DESC, rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id;
