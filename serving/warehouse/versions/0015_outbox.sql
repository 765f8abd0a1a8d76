-- Messages to people and systems. They are written in the transaction of what they tell, and sent later: a receiver that is down delays nothing.

CREATE TABLE outbox (
    message_id    UUID PRIMARY KEY DEFAULT gen_random_uuid(), -- the receiver's key against double delivery
    channel       VARCHAR(50) NOT NULL, -- a name in notifications.yaml
    topic         VARCHAR(50) NOT NULL, -- alert.raised, alert.escalated, alert.resolved, work_order.exported
    subject_key   TEXT NOT NULL, -- what the message is about; one message a channel, topic and subject
    payload       JSONB NOT NULL,
    due_at        TIMESTAMPTZ NOT NULL DEFAULT now(), -- not to be sent before
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error    TEXT,
    delivered_at  TIMESTAMPTZ,
    given_up_at   TIMESTAMPTZ, -- after the last attempt; kept and shown
    created_at    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(), -- those of one transaction are sent in the order of writing
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (channel, topic, subject_key),
    CHECK (delivered_at IS NULL OR given_up_at IS NULL)
);

CREATE INDEX idx_outbox_due ON outbox (channel, due_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE TRIGGER trg_updated_at BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION set_updated_at();
