-- Attributes that no type declares and that questions ask for a value of, slowly: what is often asked gets an index.
-- slow: questions that took long.  seconds: of all of those.  asked_at: the last question, slow or not.
CREATE TABLE asked_attribute (
    name     text COLLATE "C" PRIMARY KEY,
    slow     bigint NOT NULL,
    seconds  double precision NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);
