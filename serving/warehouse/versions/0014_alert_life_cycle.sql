-- The life of an alert after ISA-18.2: raised, acknowledged, shelved, resolved, closed. Readings and predictions raise and resolve, people do the rest.

ALTER TABLE alert_history
    ADD COLUMN raised_at     TIMESTAMPTZ, -- when the condition had lasted its on-delay; alert_timestamp is its first reading
    ADD COLUMN critical_at   TIMESTAMPTZ, -- when it became critical; NULL: it never did
    ADD COLUMN shelved_at    TIMESTAMPTZ,
    ADD COLUMN shelved_by    VARCHAR(100),
    ADD COLUMN shelved_until TIMESTAMPTZ, -- it returns by itself then
    ADD COLUMN shelve_reason TEXT,
    ADD COLUMN assigned_to   VARCHAR(100),
    ADD COLUMN escalated_at  TIMESTAMPTZ, -- when it reached escalation_level
    ADD COLUMN closed_at     TIMESTAMPTZ,
    ADD COLUMN closed_by     VARCHAR(100),
    ADD CONSTRAINT alert_shelved_whole CHECK (num_nulls(shelved_at, shelved_by, shelved_until, shelve_reason) IN (0, 4)),
    ADD CONSTRAINT alert_closed_by_somebody CHECK ((closed_at IS NULL) = (closed_by IS NULL));

UPDATE alert_history SET raised_at = alert_timestamp, critical_at = CASE severity WHEN 'critical' THEN alert_timestamp END;
ALTER TABLE alert_history ALTER COLUMN raised_at SET NOT NULL;

COMMENT ON COLUMN alert_history.source IS
    'threshold: a limit was passed; own_normal: a lasting change against the machine''s own level; prediction: remaining life, probability or repair date; data: a sensor has a fault';

CREATE INDEX idx_alert_open ON alert_history (compressor_id, raised_at DESC) WHERE closed_at IS NULL AND NOT withdrawn;

-- What is normal for each machine, computed from readings and maintenance events: a life lasts from a failure, a repair or a service until the next.
CREATE TABLE machine_lives (
    compressor_id VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    life_from     TIMESTAMPTZ NOT NULL, -- the event that began it; 1970: the machine was running before the first one
    began_at      TIMESTAMPTZ, -- when it ran again; of the first life the first settled hour
    learned_at    TIMESTAMPTZ, -- the reading from which on the levels count; NULL: not yet
    levels        JSONB NOT NULL DEFAULT '{}', -- by sensor [level, spread], in the sensor's unit
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (compressor_id, life_from)
);

CREATE TRIGGER trg_updated_at BEFORE UPDATE ON machine_lives FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- Every change of an alert: who, when, what. What people did stays as it is, but follows an alert whose beginning moves. What 'altaviz' writes
-- is computed from alert_history, and again when late readings change that.
CREATE TABLE alert_changes (
    change_id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of writing
    compressor_id   VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    alert_type      VARCHAR(50) NOT NULL,
    alert_timestamp TIMESTAMPTZ NOT NULL, -- the present beginning of the alert
    beginnings      TIMESTAMPTZ[] NOT NULL, -- all that it had since the change was written: a former id finds the alert by them
    change          VARCHAR(20) NOT NULL CHECK (change IN (
        'raised', 'became_critical', 'escalated', 'acknowledged', 'shelved', 'unshelved', 'assigned', 'resolved', 'closed', 'withdrawn'
    )),
    changed_at      TIMESTAMPTZ NOT NULL, -- by reading time for what readings change, else the moment of the person's act
    changed_by      VARCHAR(100) NOT NULL, -- a person, or 'altaviz'
    details         JSONB NOT NULL DEFAULT '{}', -- until and reason of a shelving, to whom it is assigned, the level of an escalation
    told_at         TIMESTAMPTZ, -- when its messages went into the outbox, if any channel wants it; NULL: not looked at yet
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX idx_alert_change_alert ON alert_changes (compressor_id, alert_type, alert_timestamp);
CREATE INDEX idx_alert_change_time ON alert_changes (changed_at DESC);
CREATE INDEX idx_alert_change_untold ON alert_changes (change_id) WHERE told_at IS NULL;

-- What the log would have of the alerts there are. It is no news to anybody.
INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by, details, told_at)
SELECT alert.compressor_id, alert.alert_type, alert.alert_timestamp, ARRAY[alert.alert_timestamp], own.change, own.changed_at, own.changed_by,
       own.details, now()
FROM alert_history AS alert
CROSS JOIN LATERAL (VALUES
    ('raised', alert.raised_at, 'altaviz', jsonb_build_object('severity', alert.severity)),
    ('acknowledged', alert.acknowledged_at, coalesce(alert.acknowledged_by, 'unknown'), '{}'),
    ('resolved', CASE WHEN NOT alert.withdrawn THEN alert.resolved_at END, 'altaviz', '{}')
) AS own (change, changed_at, changed_by, details)
WHERE own.changed_at IS NOT NULL
ORDER BY own.changed_at;
