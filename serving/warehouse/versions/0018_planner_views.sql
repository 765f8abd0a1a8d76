-- What a planner's page and the API show: the fleet, its alerts and its work at one moment.

-- A home that replays the past (the demo) stands at the end of its data, not at the clock's now.
ALTER TABLE view_rules ADD COLUMN replay_as_of TIMESTAMPTZ;
COMMENT ON COLUMN view_rules.replay_as_of IS 'the present of a home that replays the past; NULL: the clock''s now';

-- The moment that every view below stands at: `SET altaviz.as_of = '2026-03-09T05:50:00Z'`, else the replay's, else now.
CREATE VIEW v_moment AS
SELECT coalesce(as_of, now()) AS moment, coalesce(as_of, now() + clock_skew) AS latest, warning_days, critical_days, replay_as_of
FROM (
    SELECT coalesce(nullif(current_setting('altaviz.as_of', TRUE), '')::timestamptz, replay_as_of) AS as_of,
           clock_skew, warning_days, critical_days, replay_as_of
    FROM view_rules
) AS given;

CREATE OR REPLACE VIEW v_latest_predictions AS
WITH asked AS (
    SELECT * FROM v_moment
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
) AS latest
LEFT JOIN LATERAL ( -- it ended the life that the newest prediction is of
    SELECT jsonb_build_array(
        CASE event.event_type WHEN 'failure' THEN 'failed at ' ELSE 'repaired at ' END
        || to_char(event.event_date AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, after the last prediction: the next one counts from there'
    ) AS reasons
    FROM maintenance_events AS event
    WHERE latest.status = 'ok' AND event.compressor_id = compressor.compressor_id AND event.withdrawn_at IS NULL
      AND event.event_date <= asked.moment AND event.event_type IN ('failure', 'scheduled', 'unscheduled')
      AND event.event_date + CASE WHEN event.downtime_hours <= 87600 THEN event.downtime_hours ELSE 0 END * INTERVAL '1 hour'
          > latest.prediction_timestamp
    ORDER BY event.event_date DESC
    LIMIT 1
) AS renewal ON TRUE
CROSS JOIN LATERAL (
    SELECT latest.prediction_timestamp, latest.model_version, latest.horizon_days, latest.features_used, latest.data_faults,
           latest.data_withdrawn_at, latest.created_at, latest.updated_at,
           CASE WHEN renewal.reasons IS NULL THEN latest.status ELSE 'insufficient_history' END::varchar(20) AS status,
           coalesce(renewal.reasons, latest.reasons) AS reasons,
           CASE WHEN renewal.reasons IS NULL THEN latest.rul_days END AS rul_days,
           CASE WHEN renewal.reasons IS NULL THEN latest.rul_lower_days END AS rul_lower_days,
           CASE WHEN renewal.reasons IS NULL THEN latest.rul_upper_days END AS rul_upper_days,
           CASE WHEN renewal.reasons IS NULL THEN latest.failure_probability END AS failure_probability,
           CASE WHEN renewal.reasons IS NULL THEN latest.confidence_score END AS confidence_score,
           CASE WHEN renewal.reasons IS NULL THEN latest.health END AS health,
           CASE WHEN renewal.reasons IS NULL THEN latest.act_by END AS act_by,
           CASE WHEN renewal.reasons IS NULL THEN latest.expected_saving_usd END AS expected_saving_usd
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

-- Alerts that began by the moment, each with its state then. Acknowledged and resolved is closed; shelved returns by itself.
CREATE VIEW v_alerts AS
SELECT alert.compressor_id, alert.alert_type, alert.alert_timestamp,
       alert.compressor_id || '~' || alert.alert_type || '~' || to_char(alert.alert_timestamp AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') AS alert_id,
       alert.source, alert.severity, state.state, alert.message, alert.value, alert.threshold,
       alert.raised_at, alert.critical_at, alert.last_seen, alert.reading_count,
       CASE WHEN alert.resolved_at <= asked.moment THEN alert.resolved_at END AS resolved_at,
       alert.acknowledged_at, alert.acknowledged_by, alert.shelved_at, alert.shelved_by, alert.shelved_until, alert.shelve_reason,
       alert.assigned_to, alert.escalation_level, alert.escalated_at, alert.closed_at, alert.closed_by, alert.suppressed, alert.withdrawn,
       compressor.model, compressor.station_id, station.basin, health_rank(alert.severity) AS severity_rank,
       greatest(extract(epoch FROM asked.moment - alert.raised_at) / 3600, 0)::numeric(10, 2) AS age_hours
FROM v_moment AS asked
CROSS JOIN alert_history AS alert
JOIN compressor_metadata AS compressor USING (compressor_id)
LEFT JOIN station_locations AS station USING (station_id)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN alert.closed_at IS NOT NULL OR alert.withdrawn THEN 'closed'
        WHEN alert.resolved_at <= asked.moment THEN CASE WHEN alert.acknowledged_at IS NULL THEN 'resolved' ELSE 'closed' END
        WHEN alert.shelved_until > asked.moment THEN 'shelved'
        WHEN alert.acknowledged_at IS NOT NULL THEN 'acknowledged'
        ELSE 'raised'
    END AS state
) AS state
WHERE alert.raised_at <= asked.latest AND compressor.retired_at IS NULL;

DROP VIEW v_active_alerts; -- a view keeps the columns it was created with

CREATE VIEW v_active_alerts AS
SELECT alert.*, compressor.model, compressor.station_id, station.basin, health_rank(alert.severity) AS severity_rank
FROM alert_history AS alert
JOIN compressor_metadata AS compressor USING (compressor_id)
LEFT JOIN station_locations AS station USING (station_id)
WHERE alert.resolved = FALSE AND alert.closed_at IS NULL AND compressor.retired_at IS NULL
ORDER BY health_rank(alert.severity) DESC, alert.alert_timestamp DESC;

-- Work that is ordered and not done, soonest first.
CREATE VIEW v_open_work_orders AS
SELECT work.*, compressor.model, compressor.station_id
FROM work_orders AS work
JOIN compressor_metadata AS compressor USING (compressor_id)
WHERE work.status IN ('draft', 'exported')
ORDER BY coalesce(work.planned_start, work.act_by), work.priority, work.work_order_id;

-- One row per compressor in service: the worse of its newest prediction and its active alerts, 'unknown' without either.
CREATE OR REPLACE VIEW v_fleet_health_summary AS
WITH alerts AS (
    SELECT compressor_id,
           count(*) FILTER (WHERE source <> 'data' AND state IN ('raised', 'acknowledged')) AS active_alerts,
           count(*) FILTER (WHERE source = 'data' AND state IN ('raised', 'acknowledged')) AS data_alerts,
           max(severity_rank) FILTER (WHERE source <> 'data' AND state IN ('raised', 'acknowledged')) AS worst_rank,
           count(*) AS open_alerts,
           count(*) FILTER (WHERE acknowledged_at IS NULL AND state <> 'shelved') AS unacknowledged_alerts,
           count(*) FILTER (WHERE state = 'shelved') AS shelved_alerts
    FROM v_alerts
    WHERE closed_at IS NULL AND NOT withdrawn AND state <> 'closed'
    GROUP BY compressor_id
),
ranked AS (
    SELECT compressor.compressor_id, compressor.model, compressor.station_id,
           greatest(coalesce(alerts.worst_rank, 0), health_rank(prediction.health)) AS rank,
           coalesce(alerts.active_alerts, 0) AS active_alerts,
           coalesce(alerts.data_alerts, 0) AS data_alerts,
           coalesce(alerts.open_alerts, 0) AS open_alerts,
           coalesce(alerts.unacknowledged_alerts, 0) AS unacknowledged_alerts,
           coalesce(alerts.shelved_alerts, 0) AS shelved_alerts,
           prediction.status, prediction.rul_days, prediction.failure_probability, prediction.prediction_timestamp, prediction.data_faults,
           prediction.status_timestamp, prediction.age_hours, prediction.rul_days_now, prediction.rul_lower_days, prediction.rul_upper_days,
           prediction.confidence_score, prediction.horizon_days, prediction.health, prediction.act_by, prediction.expected_saving_usd,
           prediction.reasons, prediction.model_version
    FROM compressor_metadata AS compressor
    LEFT JOIN alerts USING (compressor_id)
    LEFT JOIN v_latest_predictions AS prediction USING (compressor_id)
    WHERE compressor.retired_at IS NULL
)
SELECT compressor_id, ranked.model, ranked.station_id,
       CASE rank WHEN 3 THEN 'critical' WHEN 2 THEN 'warning' WHEN 1 THEN 'healthy' ELSE 'unknown' END AS health_status,
       rank AS health_rank, active_alerts, ranked.status, ranked.rul_days, ranked.failure_probability, ranked.prediction_timestamp,
       data_alerts, data_faults, status_timestamp, age_hours, rul_days_now,
       rul_lower_days, rul_upper_days, confidence_score, horizon_days, health AS prediction_health, ranked.act_by, ranked.expected_saving_usd,
       ranked.reasons, ranked.model_version, open_alerts, unacknowledged_alerts, shelved_alerts,
       station.basin, station.town, station.latitude, station.longitude, station.time_zone,
       latest.agg_timestamp AS last_hour, -- end of the newest hour with readings
       (greatest(extract(epoch FROM asked.moment - latest.agg_timestamp), 0) / 3600)::numeric(10, 2) AS reading_age_hours,
       work.work_order_id AS next_work_order_id, work.planned_start AS next_planned_start, work.act_by AS next_work_act_by
FROM ranked
CROSS JOIN v_moment AS asked
LEFT JOIN station_locations AS station USING (station_id)
LEFT JOIN LATERAL (
    SELECT agg_timestamp FROM sensor_readings_agg AS own
    WHERE own.compressor_id = ranked.compressor_id AND own.window_type = '1hr' AND own.agg_timestamp <= asked.latest + INTERVAL '1 hour'
    ORDER BY agg_timestamp DESC
    LIMIT 1
) AS latest ON TRUE
LEFT JOIN LATERAL (
    SELECT work_order_id, planned_start, act_by FROM work_orders AS own
    WHERE own.compressor_id = ranked.compressor_id AND own.status IN ('draft', 'exported')
    ORDER BY coalesce(planned_start, act_by), priority, work_order_id
    LIMIT 1
) AS work ON TRUE
ORDER BY rank DESC, rul_days_now NULLS LAST, ranked.rul_days NULLS LAST, ranked.failure_probability DESC NULLS LAST, compressor_id;
