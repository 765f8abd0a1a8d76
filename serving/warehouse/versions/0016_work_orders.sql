-- Work orders: drafted from a prediction, exported to the maintenance system, completed as a maintenance event.

CREATE SEQUENCE work_order_number;

CREATE TABLE work_orders (
    work_order_id        VARCHAR(30) PRIMARY KEY DEFAULT 'WO-' || lpad(nextval('work_order_number')::text, 6, '0'),
    compressor_id        VARCHAR(50) NOT NULL REFERENCES compressor_metadata,
    status               VARCHAR(20) NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'exported', 'completed', 'cancelled')),
    priority             SMALLINT NOT NULL CHECK (priority BETWEEN 1 AND 4), -- 1 emergency, 2 urgent, 3 planned, 4 when convenient
    title                VARCHAR(200) NOT NULL,
    description          TEXT NOT NULL DEFAULT '',
    draft_reason         TEXT, -- why a person ordered it; always there without usable numbers
    draft_key            VARCHAR(100) UNIQUE, -- the sender's key: a repeated draft finds its order by it
    health               VARCHAR(20), -- of the fleet's list then: healthy, warning, critical or unknown
    prediction_status    VARCHAR(20), -- of the newest prediction then; NULL: there was none
    reasons              JSONB NOT NULL DEFAULT '[]', -- of the prediction
    data_faults          JSONB NOT NULL DEFAULT '[]', -- of the prediction: sensor, fault, since, detail
    act_by               DATE, -- the repair should be done by then
    planned_start        TIMESTAMPTZ, -- when the crew is to begin; NULL: not planned yet
    parts_lead_days      DECIMAL(10, 2) CHECK (parts_lead_days >= 0),
    cost_at_stake_usd    DECIMAL(12, 2) CHECK (cost_at_stake_usd >= 0), -- of an unplanned stop
    planned_cost_usd     DECIMAL(12, 2) CHECK (planned_cost_usd >= 0), -- of the same repair when it is planned
    expected_saving_usd  DECIMAL(12, 2),
    rul_days             DECIMAL(10, 2), -- this and the next six: the prediction that it was drafted from
    rul_lower_days       DECIMAL(10, 2),
    rul_upper_days       DECIMAL(10, 2),
    failure_probability  DECIMAL(5, 4),
    horizon_days         DECIMAL(10, 2),
    prediction_timestamp TIMESTAMPTZ,
    model_version        VARCHAR(50),
    assigned_to          VARCHAR(100),
    drafted_at           TIMESTAMPTZ NOT NULL,
    drafted_by           VARCHAR(100) NOT NULL,
    exported_at          TIMESTAMPTZ,
    exported_by          VARCHAR(100),
    external_id          VARCHAR(100), -- its number in the maintenance system
    completed_at         TIMESTAMPTZ, -- end of the repair
    completed_by         VARCHAR(100),
    event_type           VARCHAR(20) CHECK (event_type IN ('scheduled', 'unscheduled', 'inspection', 'failure')),
    event_date           TIMESTAMPTZ, -- start of the repair: the maintenance event's
    downtime_hours       DOUBLE PRECISION CHECK (downtime_hours >= 0),
    cost_usd             NUMERIC(12, 2) CHECK (cost_usd >= 0),
    completion_note      TEXT,
    event_loaded_at      TIMESTAMPTZ, -- when the lake took the maintenance event in; NULL: not yet
    cancelled_at         TIMESTAMPTZ,
    cancelled_by         VARCHAR(100),
    created_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT work_order_completed_whole CHECK ((status = 'completed') = (num_nulls(completed_at, completed_by, event_type, event_date) = 0)),
    CONSTRAINT work_order_cancelled_whole CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL AND cancelled_by IS NOT NULL))
);

CREATE INDEX idx_work_order_drafted ON work_orders (drafted_at DESC);
CREATE INDEX idx_work_order_open ON work_orders (compressor_id, act_by) WHERE status IN ('draft', 'exported');
CREATE TRIGGER trg_updated_at BEFORE UPDATE ON work_orders FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- Every change of an order, in order: who, when, what. Rows are added and never changed.
CREATE TABLE work_order_changes (
    change_id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_order_id VARCHAR(30) NOT NULL REFERENCES work_orders,
    change        VARCHAR(20) NOT NULL CHECK (change IN ('drafted', 'changed', 'exported', 'completed', 'reopened', 'cancelled')),
    changed_at    TIMESTAMPTZ NOT NULL,
    changed_by    VARCHAR(100) NOT NULL,
    details       JSONB NOT NULL DEFAULT '{}', -- field: [before, after] of a change; the format of an export; the event of a completion
    note          TEXT,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX idx_work_order_change ON work_order_changes (work_order_id, change_id);

-- Events that completed orders report. The lake takes them in later: until then they are added to what it holds.
ALTER TABLE maintenance_events
    ADD COLUMN work_order_id VARCHAR(30), -- no foreign key: the lake may be older than this database
    ADD COLUMN in_lake BOOLEAN NOT NULL DEFAULT TRUE; -- FALSE: the lake has yet to take this row in as it is

CREATE INDEX idx_events_not_in_lake ON maintenance_events (compressor_id, event_date) WHERE NOT in_lake;
