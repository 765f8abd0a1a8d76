-- The newest prediction of a compressor by one look into an index, however long its history: the service ranks the fleet many times a second.

CREATE INDEX idx_predictions_newest ON ml_predictions (compressor_id, prediction_timestamp DESC);

CREATE OR REPLACE VIEW v_latest_predictions AS
SELECT prediction.*
FROM compressor_metadata AS compressor
CROSS JOIN LATERAL (
    SELECT * FROM ml_predictions
    WHERE ml_predictions.compressor_id = compressor.compressor_id
    ORDER BY prediction_timestamp DESC, updated_at DESC, model_version DESC
    LIMIT 1
) AS prediction;
