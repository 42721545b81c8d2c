-- Simulations: what was asked, how far it is, and the forecast.

CREATE SCHEMA planning;
GRANT USAGE ON SCHEMA planning TO membership_engine, membership_reader;

CREATE TABLE planning.simulations (
    simulation_id uuid CONSTRAINT simulations_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    campaign_code text NOT NULL,
    revision_number integer,              -- NULL: content that is stored nowhere else
    period_first date NOT NULL,
    period_last date NOT NULL,
    request jsonb NOT NULL,               -- planning.model.Request: the draft as it was then, and the days
    state text NOT NULL,
    attempt integer NOT NULL DEFAULT 0,   -- whose result counts, where a run was taken for dead and was not
    done bigint NOT NULL DEFAULT 0,       -- members replayed, of:
    total bigint NOT NULL DEFAULT 0,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    heartbeat_at timestamptz,             -- of the run; one that stopped long ago is taken over
    finished_at timestamptz,
    forecast jsonb,                       -- planning.model.Forecast
    failure text,
    CONSTRAINT simulations_period CHECK (period_first <= period_last),
    CONSTRAINT simulations_state CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    CONSTRAINT simulations_heartbeat CHECK (state <> 'RUNNING' OR heartbeat_at IS NOT NULL),
    CONSTRAINT simulations_finished CHECK ((state IN ('DONE', 'FAILED')) = (finished_at IS NOT NULL)),
    CONSTRAINT simulations_forecast CHECK ((state = 'DONE') = (forecast IS NOT NULL)),
    CONSTRAINT simulations_failure CHECK ((state = 'FAILED') = (failure IS NOT NULL))
);
CREATE INDEX simulations_waiting ON planning.simulations (requested_at) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX simulations_campaign ON planning.simulations (programme_id, campaign_code, simulation_id DESC);

GRANT SELECT, INSERT, UPDATE ON planning.simulations TO membership_engine;
GRANT SELECT ON planning.simulations TO membership_reader;

-- Who plans sees what was simulated for the programme.
ALTER TABLE planning.simulations ENABLE ROW LEVEL SECURITY;
ALTER TABLE planning.simulations FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON planning.simulations TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON planning.simulations FOR SELECT TO membership_reader
    USING (
        platform.caller_role() = 'admin'
        OR (platform.caller_role() IN ('planner', 'approver') AND programme_id = platform.caller_programme())
    );
