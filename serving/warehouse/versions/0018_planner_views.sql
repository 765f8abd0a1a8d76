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

ALTER TABLE sensor_readings_agg ADD COLUMN last_reading_at TIMESTAMPTZ; -- newest reading of the window; NULL: written by an older version

-- The newest row of every compressor, so that the whole fleet is read without looking into months of history: 4,500 compressors in milliseconds.
-- Triggers keep them in the transaction that writes. A row without a time belongs to a compressor that has none.
CREATE TABLE newest_predictions AS
SELECT compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days, failure_probability,
       confidence_score, health, horizon_days, reasons, created_at, updated_at, act_by, expected_saving_usd, data_faults,
       data_withdrawn_at
FROM ml_predictions WITH NO DATA;
CREATE TABLE newest_readings AS SELECT * FROM sensor_readings_agg WITH NO DATA; -- of the window of one hour
ALTER TABLE newest_predictions
    ADD COLUMN renewals_known_to TIMESTAMPTZ, -- a machine that ran again later than this ended the prediction
    ADD COLUMN last_restart TIMESTAMPTZ; -- when it runs again after its last failure, repair or service, also a future one; NULL: no such event
ALTER TABLE newest_predictions ADD PRIMARY KEY (compressor_id), ADD FOREIGN KEY (compressor_id) REFERENCES compressor_metadata ON DELETE CASCADE;
ALTER TABLE newest_readings ADD PRIMARY KEY (compressor_id), ADD FOREIGN KEY (compressor_id) REFERENCES compressor_metadata ON DELETE CASCADE;

-- A prediction knows the renewal that its row names (`renewed_at`), and none that ended before its window of 24 hours matters. Rows of older
-- versions do not say what they knew. A second is for the rounding of hours.
CREATE FUNCTION renewals_known_to(features_used jsonb, prediction_timestamp timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN features_used ? 'renewed_at'
        THEN greatest(prediction_timestamp - INTERVAL '24 hours', (features_used ->> 'renewed_at')::timestamptz + INTERVAL '1 second')
        ELSE prediction_timestamp
    END
$$;

-- Writers of one compressor take turns. The search comes after the lock, and so sees what the other has written.
CREATE FUNCTION refresh_newest_predictions(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO newest_predictions (compressor_id) SELECT unnest(ids) ON CONFLICT DO NOTHING;
    PERFORM FROM newest_predictions WHERE compressor_id = ANY (ids) ORDER BY compressor_id FOR UPDATE;
    UPDATE newest_predictions AS kept SET (
        prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days, failure_probability, confidence_score,
        health, horizon_days, reasons, created_at, updated_at, act_by, expected_saving_usd, data_faults, data_withdrawn_at,
        renewals_known_to, last_restart
    ) = ROW (
        own.prediction_timestamp, own.model_version, own.status, own.rul_days, own.rul_lower_days, own.rul_upper_days,
        own.failure_probability, own.confidence_score, own.health, own.horizon_days, own.reasons, own.created_at, own.updated_at,
        own.act_by, own.expected_saving_usd, own.data_faults, own.data_withdrawn_at,
        renewals_known_to(own.features_used, own.prediction_timestamp), renewal.last_restart
    )
    FROM unnest(ids) AS asked (compressor_id)
    LEFT JOIN LATERAL (
        SELECT * FROM ml_predictions AS found
        WHERE found.compressor_id = asked.compressor_id AND found.data_withdrawn_at IS NULL
        ORDER BY prediction_timestamp DESC, updated_at DESC, model_version DESC
        LIMIT 1
    ) AS own ON TRUE
    LEFT JOIN LATERAL (
        SELECT max(event.event_date + CASE WHEN event.downtime_hours <= 87600 THEN event.downtime_hours ELSE 0 END * INTERVAL '1 hour') AS last_restart
        FROM maintenance_events AS event
        WHERE event.compressor_id = asked.compressor_id AND event.withdrawn_at IS NULL
          AND event.event_type IN ('failure', 'scheduled', 'unscheduled')
    ) AS renewal ON TRUE
    WHERE kept.compressor_id = asked.compressor_id;
END
$$;
CREATE FUNCTION refresh_newest_readings(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO newest_readings (compressor_id) SELECT unnest(ids) ON CONFLICT DO NOTHING;
    PERFORM FROM newest_readings WHERE compressor_id = ANY (ids) ORDER BY compressor_id FOR UPDATE;
    UPDATE newest_readings AS kept SET (
        window_type, agg_timestamp, reading_count, vibration_avg, vibration_std, vibration_min, vibration_max, discharge_temp_avg,
        discharge_temp_std, discharge_temp_min, discharge_temp_max, suction_pressure_avg, suction_pressure_std, suction_pressure_min,
        suction_pressure_max, discharge_pressure_avg, discharge_pressure_std, discharge_pressure_min, discharge_pressure_max,
        horsepower_avg, horsepower_std, horsepower_min, horsepower_max, gas_flow_avg, gas_flow_std, gas_flow_min, gas_flow_max, created_at,
        updated_at, last_reading_at
    ) = ROW (
        own.window_type, own.agg_timestamp, own.reading_count, own.vibration_avg, own.vibration_std, own.vibration_min, own.vibration_max,
        own.discharge_temp_avg, own.discharge_temp_std, own.discharge_temp_min, own.discharge_temp_max, own.suction_pressure_avg,
        own.suction_pressure_std, own.suction_pressure_min, own.suction_pressure_max, own.discharge_pressure_avg,
        own.discharge_pressure_std, own.discharge_pressure_min, own.discharge_pressure_max, own.horsepower_avg, own.horsepower_std,
        own.horsepower_min, own.horsepower_max, own.gas_flow_avg, own.gas_flow_std, own.gas_flow_min, own.gas_flow_max, own.created_at,
        own.updated_at, own.last_reading_at
    )
    FROM unnest(ids) AS asked (compressor_id)
    LEFT JOIN LATERAL (
        SELECT * FROM sensor_readings_agg AS found
        WHERE found.compressor_id = asked.compressor_id AND found.window_type = '1hr'
        ORDER BY agg_timestamp DESC
        LIMIT 1
    ) AS own ON TRUE
    WHERE kept.compressor_id = asked.compressor_id;
END
$$;

CREATE FUNCTION keep_newest_predictions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids CONSTANT text[] := ARRAY(SELECT DISTINCT compressor_id FROM changed ORDER BY compressor_id);
BEGIN
    IF ids <> '{}' THEN
        PERFORM refresh_newest_predictions(ids);
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION empty_newest_predictions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM newest_predictions;
    RETURN NULL;
END
$$;
CREATE TRIGGER trg_newest_inserted AFTER INSERT ON ml_predictions REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_predictions();
CREATE TRIGGER trg_newest_updated AFTER UPDATE ON ml_predictions REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_predictions();
CREATE TRIGGER trg_newest_deleted AFTER DELETE ON ml_predictions REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_predictions();
CREATE TRIGGER trg_newest_emptied AFTER TRUNCATE ON ml_predictions FOR EACH STATEMENT EXECUTE FUNCTION empty_newest_predictions();
CREATE TRIGGER trg_newest_inserted AFTER INSERT ON maintenance_events REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_predictions();
CREATE TRIGGER trg_newest_updated AFTER UPDATE ON maintenance_events REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_predictions();
CREATE TRIGGER trg_newest_deleted AFTER DELETE ON maintenance_events REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_predictions();
CREATE FUNCTION keep_newest_readings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids CONSTANT text[] := ARRAY(SELECT DISTINCT compressor_id FROM changed WHERE window_type = '1hr' ORDER BY compressor_id);
BEGIN
    IF ids <> '{}' THEN
        PERFORM refresh_newest_readings(ids);
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION empty_newest_readings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM newest_readings;
    RETURN NULL;
END
$$;
CREATE TRIGGER trg_newest_inserted AFTER INSERT ON sensor_readings_agg REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_readings();
CREATE TRIGGER trg_newest_updated AFTER UPDATE ON sensor_readings_agg REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_readings();
CREATE TRIGGER trg_newest_deleted AFTER DELETE ON sensor_readings_agg REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_newest_readings();
CREATE TRIGGER trg_newest_emptied AFTER TRUNCATE ON sensor_readings_agg FOR EACH STATEMENT EXECUTE FUNCTION empty_newest_readings();

SELECT refresh_newest_predictions(ARRAY(SELECT compressor_id FROM compressor_metadata)),
       refresh_newest_readings(ARRAY(SELECT compressor_id FROM compressor_metadata));

-- Whether somebody acknowledged the alert as it is at a moment, or as it is in the end. The only definition: an acknowledgement of a warning does
-- not count for what is critical since.
CREATE FUNCTION is_acknowledged(acknowledged_at timestamptz, critical_at timestamptz, moment timestamptz DEFAULT 'infinity')
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT acknowledged_at IS NOT NULL AND (critical_at IS NULL OR critical_at > moment OR acknowledged_at >= critical_at)
$$;

-- An alert that needs nobody any more is closed. Most are, so lists and counts look only at the others.
CREATE INDEX idx_alert_needed ON alert_history (compressor_id, raised_at DESC)
    WHERE closed_at IS NULL AND NOT withdrawn AND (NOT resolved OR NOT is_acknowledged(acknowledged_at, critical_at));
CREATE INDEX idx_alert_resolved ON alert_history (resolved_at);

-- The newest prediction by the moment, of every compressor that was ever scored. Those from withdrawn readings do not count.
CREATE VIEW v_newest_predictions AS
SELECT compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days, failure_probability,
       confidence_score, health, horizon_days, reasons, created_at, updated_at, act_by, expected_saving_usd, data_faults,
       data_withdrawn_at, renewals_known_to, last_restart
FROM newest_predictions
WHERE prediction_timestamp <= (SELECT latest FROM v_moment)
UNION ALL -- at an earlier moment an older row was the newest
SELECT own.compressor_id, own.prediction_timestamp, own.model_version, own.status, own.rul_days, own.rul_lower_days,
       own.rul_upper_days, own.failure_probability, own.confidence_score, own.health, own.horizon_days, own.reasons, own.created_at,
       own.updated_at, own.act_by, own.expected_saving_usd, own.data_faults, own.data_withdrawn_at,
       renewals_known_to(own.features_used, own.prediction_timestamp), later.last_restart
FROM newest_predictions AS later
CROSS JOIN LATERAL (
    SELECT * FROM ml_predictions AS found
    WHERE found.compressor_id = later.compressor_id AND found.prediction_timestamp <= (SELECT latest FROM v_moment) AND found.data_withdrawn_at IS NULL
    ORDER BY found.prediction_timestamp DESC, found.updated_at DESC, found.model_version DESC
    LIMIT 1
) AS own
WHERE later.prediction_timestamp > (SELECT latest FROM v_moment);

-- Rows of a rejected model do not count: of one that was rolled back from by then, unless it was made champion again since.
CREATE FUNCTION rejected_models(moment timestamptz) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT away.previous_version::text FROM model_decisions AS away
        WHERE away.decision = 'rolled_back' AND away.previous_version IS NOT NULL AND away.decided_at <= moment AND NOT EXISTS (
            SELECT FROM model_decisions AS again
            WHERE again.model_version = away.previous_version AND again.decision IN ('promoted', 'rolled_back')
              AND again.decided_at > away.decided_at AND again.decided_at <= moment
        )
    )
$$;

CREATE OR REPLACE VIEW v_latest_predictions AS
WITH asked AS (
    SELECT * FROM v_moment
),
rejected AS (
    SELECT rejected_models(moment) AS versions FROM asked
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
           WHEN coalesce(usable.health, newest.health) IS NULL THEN NULL -- no number
           WHEN coalesce(usable.health, newest.health) = 'critical' OR life.days_now <= asked.critical_days THEN 'critical' -- never better than it was
           WHEN coalesce(usable.health, newest.health) = 'warning' OR life.days_now <= asked.warning_days THEN 'warning'
           ELSE 'healthy'
       END::varchar(20) AS health,
       coalesce(usable.horizon_days, newest.horizon_days)::numeric(10, 2) AS horizon_days,
       CASE WHEN usable.reasons IS NULL THEN newest.reasons ELSE newest.reasons || usable.reasons END AS reasons,
       coalesce(usable.features_used, source.features_used) AS features_used,
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
CROSS JOIN compressor_metadata AS compressor
JOIN (
    SELECT own.compressor_id, own.prediction_timestamp, own.model_version, own.horizon_days, own.created_at, own.updated_at, own.data_faults,
           own.data_withdrawn_at,
           CASE WHEN renewal.reasons IS NULL THEN own.status ELSE 'insufficient_history' END::varchar(20) AS status,
           coalesce(renewal.reasons, own.reasons) AS reasons,
           CASE WHEN renewal.reasons IS NULL THEN own.rul_days END AS rul_days,
           CASE WHEN renewal.reasons IS NULL THEN own.rul_lower_days END AS rul_lower_days,
           CASE WHEN renewal.reasons IS NULL THEN own.rul_upper_days END AS rul_upper_days,
           CASE WHEN renewal.reasons IS NULL THEN own.failure_probability END AS failure_probability,
           CASE WHEN renewal.reasons IS NULL THEN own.confidence_score END AS confidence_score,
           CASE WHEN renewal.reasons IS NULL THEN own.health END AS health,
           CASE WHEN renewal.reasons IS NULL THEN own.act_by END AS act_by,
           CASE WHEN renewal.reasons IS NULL THEN own.expected_saving_usd END AS expected_saving_usd
    FROM v_newest_predictions AS own
    LEFT JOIN ( -- it ended the life that the prediction is of, and the prediction did not know it
        SELECT candidate.compressor_id, ended.reasons
        FROM v_newest_predictions AS candidate
        CROSS JOIN LATERAL (
            SELECT jsonb_build_array(
                CASE event.event_type WHEN 'failure' THEN 'failed at ' ELSE 'repaired at ' END
                || to_char(event.event_date AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                || ' UTC: the last prediction did not know it, the next one will'
            ) AS reasons
            FROM maintenance_events AS event
            WHERE event.compressor_id = candidate.compressor_id AND event.withdrawn_at IS NULL
              AND event.event_date <= (SELECT moment FROM asked) AND event.event_type IN ('failure', 'scheduled', 'unscheduled')
              AND event.event_date + CASE WHEN event.downtime_hours <= 87600 THEN event.downtime_hours ELSE 0 END * INTERVAL '1 hour'
                  > candidate.renewals_known_to
            ORDER BY event.event_date DESC
            LIMIT 1
        ) AS ended
        WHERE candidate.status = 'ok' AND candidate.last_restart > candidate.renewals_known_to -- few are looked up
    ) AS renewal USING (compressor_id)
) AS newest USING (compressor_id)
LEFT JOIN (
    SELECT own.*
    FROM v_newest_predictions AS without
    CROSS JOIN LATERAL (
        SELECT * FROM ml_predictions AS found
        WHERE found.compressor_id = without.compressor_id AND found.status = 'ok' AND found.prediction_timestamp <= without.prediction_timestamp
          AND found.data_withdrawn_at IS NULL AND found.model_version <> ALL ((SELECT versions FROM rejected)::text[])
        ORDER BY found.prediction_timestamp DESC, found.updated_at DESC, found.model_version DESC
        LIMIT 1
    ) AS own
    WHERE without.status <> 'ok' AND 0 = ( -- counted, because NOT EXISTS would read the events of the whole fleet
        SELECT count(*) FROM maintenance_events AS event
        WHERE event.compressor_id = own.compressor_id AND event.withdrawn_at IS NULL AND event.event_date <= (SELECT moment FROM asked)
          AND event.event_type IN ('failure', 'scheduled', 'unscheduled')
          AND event.event_date + CASE WHEN event.downtime_hours <= 87600 THEN event.downtime_hours ELSE 0 END * INTERVAL '1 hour'
              > own.prediction_timestamp - INTERVAL '24 hours'
    )
) AS usable USING (compressor_id)
LEFT JOIN ml_predictions AS source -- unread where nobody asks for features_used
  ON source.compressor_id = compressor.compressor_id AND source.model_version = newest.model_version
 AND source.prediction_timestamp = newest.prediction_timestamp
CROSS JOIN LATERAL (
    SELECT age_s, CASE WHEN days < age_s / 86400 THEN 0 ELSE days - age_s / 86400 END AS days_now -- NULL without days
    FROM (
        SELECT coalesce(usable.rul_days, newest.rul_days) AS days,
               greatest(extract(epoch FROM asked.moment - coalesce(usable.prediction_timestamp, newest.prediction_timestamp)), 0) AS age_s
    ) AS own
) AS life
WHERE compressor.retired_at IS NULL;

-- The newest hour by the moment, of every compressor.
CREATE OR REPLACE VIEW v_latest_readings AS
SELECT * FROM newest_readings
WHERE agg_timestamp <= (SELECT latest FROM v_moment) + INTERVAL '1 hour' AND coalesce(last_reading_at <= (SELECT latest FROM v_moment), TRUE)
UNION ALL
SELECT own.* FROM newest_readings AS later
CROSS JOIN LATERAL (
    SELECT * FROM sensor_readings_agg AS found
    WHERE found.compressor_id = later.compressor_id AND found.window_type = '1hr'
      AND found.agg_timestamp <= (SELECT latest FROM v_moment) + INTERVAL '1 hour' AND coalesce(found.last_reading_at <= (SELECT latest FROM v_moment), TRUE)
    ORDER BY found.agg_timestamp DESC
    LIMIT 1
) AS own
WHERE NOT (later.agg_timestamp <= (SELECT latest FROM v_moment) + INTERVAL '1 hour' AND coalesce(later.last_reading_at <= (SELECT latest FROM v_moment), TRUE));

-- Alerts that began by the moment, each with its state then. Acknowledged and resolved is closed; shelved returns by itself.
CREATE VIEW v_alerts AS
SELECT alert.compressor_id, alert.alert_type, alert.alert_timestamp,
       alert.compressor_id || '~' || alert.alert_type || '~' || to_char(alert.alert_timestamp AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') AS alert_id,
       alert.source, alert.severity, alert.state, alert.message, alert.value, alert.threshold,
       alert.raised_at, alert.critical_at, alert.last_seen, alert.reading_count,
       CASE WHEN alert.resolved_at <= (SELECT moment FROM v_moment) THEN alert.resolved_at END AS resolved_at,
       CASE WHEN is_acknowledged(alert.acknowledged_at, alert.critical_at, (SELECT moment FROM v_moment)) THEN alert.acknowledged_at END
           AS acknowledged_at,
       (CASE WHEN is_acknowledged(alert.acknowledged_at, alert.critical_at, (SELECT moment FROM v_moment)) THEN alert.acknowledged_by END)::varchar(100)
           AS acknowledged_by,
       alert.shelved_at, alert.shelved_by, alert.shelved_until, alert.shelve_reason,
       alert.assigned_to, alert.escalation_level, alert.escalated_at, alert.closed_at, alert.closed_by, alert.suppressed, alert.withdrawn,
       compressor.model, compressor.station_id, station.basin, health_rank(alert.severity) AS severity_rank,
       greatest(extract(epoch FROM (SELECT moment FROM v_moment) - alert.raised_at) / 3600, 0)::numeric(10, 2) AS age_hours
FROM (
    SELECT *, CASE
        WHEN resolved_at <= (SELECT moment FROM v_moment) THEN 'resolved'
        WHEN shelved_until > (SELECT moment FROM v_moment) THEN 'shelved'
        WHEN is_acknowledged(acknowledged_at, critical_at, (SELECT moment FROM v_moment)) THEN 'acknowledged'
        ELSE 'raised'
    END AS state
    FROM alert_history
    WHERE closed_at IS NULL AND NOT withdrawn AND (NOT resolved OR NOT is_acknowledged(acknowledged_at, critical_at))
    UNION ALL -- at an earlier moment it was not resolved yet
    SELECT *, CASE WHEN shelved_until > (SELECT moment FROM v_moment) THEN 'shelved' ELSE 'acknowledged' END
    FROM alert_history
    WHERE closed_at IS NULL AND NOT withdrawn AND resolved AND is_acknowledged(acknowledged_at, critical_at)
      AND resolved_at > (SELECT moment FROM v_moment)
      AND (SELECT max(resolved_at) FROM alert_history) > (SELECT moment FROM v_moment) -- else nothing is read
    UNION ALL
    SELECT *, 'closed'
    FROM alert_history
    WHERE closed_at IS NOT NULL OR withdrawn
       OR resolved AND is_acknowledged(acknowledged_at, critical_at) AND resolved_at <= (SELECT moment FROM v_moment)
) AS alert
JOIN compressor_metadata AS compressor USING (compressor_id)
LEFT JOIN station_locations AS station USING (station_id)
WHERE alert.raised_at <= (SELECT latest FROM v_moment) AND compressor.retired_at IS NULL;

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

-- One row per compressor in service: the worse of its newest prediction and its active alerts, 'unknown' without either. It has no order: sorting
-- 4,500 rows takes as long as finding them, and every question has an order of its own.
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
    WHERE state <> 'closed'
    GROUP BY compressor_id
),
work AS (
    SELECT DISTINCT ON (compressor_id) compressor_id, work_order_id, planned_start, act_by
    FROM work_orders
    WHERE status IN ('draft', 'exported')
    ORDER BY compressor_id, coalesce(planned_start, act_by), priority, work_order_id
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
       (greatest(extract(epoch FROM (SELECT moment FROM v_moment) - coalesce(latest.last_reading_at, latest.agg_timestamp)), 0) / 3600)::numeric(10, 2)
           AS reading_age_hours,
       work.work_order_id AS next_work_order_id, work.planned_start AS next_planned_start, work.act_by AS next_work_act_by,
       latest.last_reading_at
FROM ranked
LEFT JOIN station_locations AS station USING (station_id)
LEFT JOIN v_latest_readings AS latest USING (compressor_id)
LEFT JOIN work USING (compressor_id);
