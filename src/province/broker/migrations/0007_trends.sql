-- What every indicator said at the full hour, over the whole tenant: so that a number can be shown with where it came from.
CREATE TABLE indicator_value (
    tenant    text NOT NULL,
    indicator text NOT NULL,
    at        timestamptz NOT NULL,        -- the full hour
    value     double precision NOT NULL,   -- no row where there was nothing to compute from
    PRIMARY KEY (tenant, indicator, at)
);
CREATE INDEX indicator_value_by_age ON indicator_value (at);
