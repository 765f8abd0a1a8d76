-- The bytes of a model version, and of an exported folder, kept where whoever can change the files and the model registry cannot reach.

ALTER TABLE model_decisions ADD COLUMN model_sha256 CHAR(64); -- of model.onnx; NULL until the version is loaded once: decided before there was this column

COMMENT ON COLUMN model_decisions.model_sha256 IS 'SHA-256 of the version''s model.onnx; once known it never changes';

CREATE FUNCTION keep_model_sha256() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.model_sha256 := coalesce(OLD.model_sha256, NEW.model_sha256);
    RETURN NEW;
END;
$$;

-- decisions are written anew from the registry's tags, which others may have changed
CREATE TRIGGER trg_keep_model_sha256 BEFORE UPDATE ON model_decisions FOR EACH ROW EXECUTE FUNCTION keep_model_sha256();

CREATE TABLE edge_exports (
    digest        CHAR(64) PRIMARY KEY, -- SHA-256 of the folder's SHA256SUMS
    model_version VARCHAR(50) NOT NULL,
    model_sha256  CHAR(64) NOT NULL,
    folder        TEXT NOT NULL, -- where it was written
    exported_at   TIMESTAMPTZ NOT NULL
);
