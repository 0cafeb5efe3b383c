-- Windows of moving means, one row per bucket of time: a batch writes the bucket that it fell into, not the whole
-- window. What `streaming_state.buckets` held stays there and is read once more, below these rows.
CREATE TABLE streaming_bucket (
    tenant text NOT NULL,
    rule   text NOT NULL,
    entity text NOT NULL,
    place  smallint NOT NULL,              -- the bucket's number modulo the width of the window
    number bigint NOT NULL,                -- of buckets since 1970; a newer one takes the place of an older
    total  float8 NOT NULL,                -- sum of its readings
    count  bigint NOT NULL,
    PRIMARY KEY (tenant, rule, entity, place)
) WITH (fillfactor = 60);                  -- the bucket of this hour is written again with every batch
