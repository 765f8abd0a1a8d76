-- Views for planners. Health goes by rank: as text, 'critical' sorts before 'healthy' before 'warning', and max() would be wrong.

CREATE FUNCTION health_rank(health text) RETURNS integer IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE health WHEN 'critical' THEN 3 WHEN 'warning' THEN 2 WHEN 'healthy' THEN 1 ELSE 0 END
$$;

CREATE VIEW v_latest_readings AS
SELECT DISTINCT ON (compressor_id) *
FROM sensor_readings_agg
WHERE window_type = '1hr'
ORDER BY compressor_id, agg_timestamp DESC;

CREATE VIEW v_active_alerts AS
SELECT alert.*, compressor.model, compressor.station_id, station.basin, health_rank(alert.severity) AS severity_rank
FROM alert_history AS alert
JOIN compressor_metadata AS compressor USING (compressor_id)
LEFT JOIN station_locations AS station USING (station_id)
WHERE alert.resolved = FALSE
ORDER BY health_rank(alert.severity) DESC, alert.alert_timestamp DESC;

-- The newest prediction of every compressor; of two models at one moment the one that wrote last.
CREATE VIEW v_latest_predictions AS
SELECT DISTINCT ON (compressor_id) *
FROM ml_predictions
ORDER BY compressor_id, prediction_timestamp DESC, updated_at DESC, model_version DESC;

-- One row per compressor: the worse of its newest prediction and its active alerts, 'unknown' without either.
CREATE VIEW v_fleet_health_summary AS
WITH alerts AS (
    SELECT compressor_id, count(*) AS active_alerts, max(health_rank(severity)) AS worst_rank
    FROM alert_history
    WHERE resolved = FALSE
    GROUP BY compressor_id
),
ranked AS (
    SELECT compressor.compressor_id, compressor.model, compressor.station_id,
           greatest(coalesce(alerts.worst_rank, 0), health_rank(prediction.health)) AS rank,
           coalesce(alerts.active_alerts, 0) AS active_alerts,
           prediction.status, prediction.rul_days, prediction.failure_probability, prediction.prediction_timestamp
    FROM compressor_metadata AS compressor
    LEFT JOIN alerts USING (compressor_id)
    LEFT JOIN v_latest_predictions AS prediction USING (compressor_id)
)
SELECT compressor_id, model, station_id,
       CASE rank WHEN 3 THEN 'critical' WHEN 2 THEN 'warning' WHEN 1 THEN 'healthy' ELSE 'unknown' END AS health_status,
       rank AS health_rank, active_alerts, status, rul_days, failure_probability, prediction_timestamp
FROM ranked
ORDER BY rank DESC, rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id;
