-- The exposures among the events: weights are the probabilities, in a bandit, of every group when the unit was drawn,
-- segment_values what its context and metadata say of the unit.
CREATE OR REPLACE VIEW exposure_events AS
SELECT
    user_id,
    happened_at,
    CASE WHEN is_own THEN getvariable('experiment') END AS experiment_name,
    unnest(exposure[1])
FROM arrived
WHERE exposure IS NOT NULL
