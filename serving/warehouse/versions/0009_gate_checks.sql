-- Every question the gate put to a model, with its numbers: [{name, passed, says, numbers}]. Decisions from before have none.

ALTER TABLE model_decisions ADD COLUMN checks JSONB NOT NULL DEFAULT '[]';
