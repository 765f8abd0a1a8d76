-- What an alert stands for: one row per lasting condition of one compressor, written by reading time and rewritten when readings change.

ALTER TABLE alert_history
    ADD COLUMN source        VARCHAR(20) NOT NULL DEFAULT 'threshold', -- who raises it, and may take it back
    ADD COLUMN last_seen     TIMESTAMPTZ, -- newest reading beyond the limit; alert_timestamp is the first one
    ADD COLUMN reading_count INTEGER CHECK (reading_count > 0), -- readings beyond the limit
    ADD COLUMN suppressed    JSONB NOT NULL DEFAULT '[]', -- types raised and ended in the same window, left out because there were too many
    ADD COLUMN settled_at    TIMESTAMPTZ, -- a reading after it changes nothing here; NULL: still open
    ADD COLUMN withdrawn     BOOLEAN NOT NULL DEFAULT FALSE, -- the readings do not show it any more; kept because somebody had acknowledged it
    ADD CONSTRAINT alert_is_seen_after_it_is_raised CHECK (last_seen >= alert_timestamp);

COMMENT ON COLUMN data_quality_metrics.metric_timestamp IS 'start of the UTC day whose readings were measured';

DROP VIEW v_active_alerts; -- a view keeps the columns it was created with

CREATE VIEW v_active_alerts AS
SELECT alert.*, compressor.model, compressor.station_id, station.basin, health_rank(alert.severity) AS severity_rank
FROM alert_history AS alert
JOIN compressor_metadata AS compressor USING (compressor_id)
LEFT JOIN station_locations AS station USING (station_id)
WHERE alert.resolved = FALSE
ORDER BY health_rank(alert.severity) DESC, alert.alert_timestamp DESC;
