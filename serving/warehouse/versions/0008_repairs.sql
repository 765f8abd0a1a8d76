-- The day a repair is due, and what it saves (serving/costs.py): both, or neither where there are no numbers or nothing is due yet.

ALTER TABLE ml_predictions
    ADD COLUMN act_by DATE, -- UTC
    ADD COLUMN expected_saving_usd DECIMAL(12, 2) CHECK (expected_saving_usd >= 0),
    ADD CONSTRAINT prediction_repair_only_when_ok CHECK (
        (act_by IS NULL) = (expected_saving_usd IS NULL) AND (act_by IS NULL OR status = 'ok')
    );

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
