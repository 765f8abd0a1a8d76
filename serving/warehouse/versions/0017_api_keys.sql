-- Who may use the API, and what was written through it. A key is random and long, so its SHA-256 is enough: no guess can be tested faster than a key.

CREATE TABLE api_keys (
    key_id        VARCHAR(20) PRIMARY KEY, -- public part of the key
    name          VARCHAR(100) NOT NULL, -- whose it is; recorded with every write
    role          VARCHAR(20) NOT NULL CHECK (role IN ('reader', 'scorer', 'planner', 'admin')),
    key_sha256    CHAR(64) NOT NULL, -- of the whole key, which is stored nowhere
    requests_per_minute INTEGER CHECK (requests_per_minute > 0), -- NULL: serving.yaml
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    created_by    VARCHAR(100) NOT NULL,
    expires_at    TIMESTAMPTZ,
    revoked_at    TIMESTAMPTZ,
    revoked_by    VARCHAR(100),
    last_used_at  TIMESTAMPTZ, -- to the hour
    replaced_by   VARCHAR(20) REFERENCES api_keys, -- the key it was rotated to
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TRIGGER trg_updated_at BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE UNIQUE INDEX idx_api_key_hash ON api_keys (key_sha256);

CREATE TABLE api_writes (
    request_id    VARCHAR(64) NOT NULL,
    written_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    key_id        VARCHAR(20), -- NULL: without a key, from this machine
    actor         VARCHAR(100) NOT NULL, -- the person, else the key's name
    method        VARCHAR(10) NOT NULL,
    path          TEXT NOT NULL,
    status        SMALLINT NOT NULL, -- of the answer
    details       JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (request_id, written_at)
);

CREATE INDEX idx_api_write_time ON api_writes (written_at DESC);
