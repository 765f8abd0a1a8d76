-- Every change of champion, and every refusal of one: by which numbers, for which reasons. The registry's aliases are what counts; this is the record.

CREATE TABLE model_decisions (
    model_version    VARCHAR(50) NOT NULL, -- the version judged; of a rollback the one that became champion again
    decided_at       TIMESTAMPTZ NOT NULL,
    decision         VARCHAR(20) NOT NULL CHECK (decision IN ('promoted', 'refused', 'rolled_back')),
    trigger          VARCHAR(20) NOT NULL CHECK (trigger IN ('train', 'retrain', 'drift', 'operator')),
    drift_timestamp  TIMESTAMPTZ, -- metric_timestamp of the drift decision that called for it
    previous_version VARCHAR(50), -- champion until then
    run_id           VARCHAR(64),
    reasons          JSONB NOT NULL DEFAULT '[]',
    metrics          JSONB NOT NULL DEFAULT '{}', -- numbers of both on the same held-out windows
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (model_version, decided_at)
);

CREATE INDEX idx_model_decision_time ON model_decisions (decided_at DESC);

CREATE TRIGGER trg_updated_at BEFORE UPDATE ON model_decisions FOR EACH ROW EXECUTE FUNCTION set_updated_at();
