-- What `altaviz monitor` measured and decided. metric_timestamp is its as_of: the end of the days that were compared with the model's reference.

CREATE TABLE drift_metrics (
    metric_timestamp TIMESTAMPTZ NOT NULL,
    model_version    VARCHAR(50) NOT NULL,
    kind             VARCHAR(20) NOT NULL CHECK (kind IN ('feature', 'prediction')),
    name             VARCHAR(100) NOT NULL,
    psi              DOUBLE PRECISION CHECK (psi >= 0), -- NULL: too little data to say
    psi_by_chance    DOUBLE PRECISION, -- what as many compressors of the reference reach without any drift
    ks               DOUBLE PRECISION CHECK (ks BETWEEN 0 AND 1),
    p_value          DOUBLE PRECISION CHECK (p_value BETWEEN 0 AND 1),
    p_adjusted       DOUBLE PRECISION CHECK (p_adjusted BETWEEN 0 AND 1), -- for the number of features
    effect           DOUBLE PRECISION,
    drifted          BOOLEAN NOT NULL,
    details          JSONB NOT NULL DEFAULT '{}',
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (model_version, kind, name, metric_timestamp)
) PARTITION BY RANGE (metric_timestamp);

CREATE TABLE drift_decisions (
    metric_timestamp TIMESTAMPTZ NOT NULL,
    model_version    VARCHAR(50) NOT NULL,
    drift            BOOLEAN NOT NULL,
    prediction_psi   DOUBLE PRECISION,
    retrain          BOOLEAN NOT NULL,
    reasons          JSONB NOT NULL DEFAULT '[]',
    details          JSONB NOT NULL DEFAULT '{}',
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (model_version, metric_timestamp)
);

CREATE INDEX idx_drift_time ON drift_metrics (metric_timestamp DESC);
CREATE INDEX idx_drift_decision_time ON drift_decisions (metric_timestamp DESC);

CREATE TRIGGER trg_updated_at BEFORE UPDATE ON drift_metrics FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_updated_at BEFORE UPDATE ON drift_decisions FOR EACH ROW EXECUTE FUNCTION set_updated_at();
