-- The audit of a corrected reading holds a commitment to the value that was entered; its salt stands beside the value and
-- goes with it. Corrections of before have none: their rows of the audit hold the value.
ALTER TABLE correction ADD COLUMN salt bytea;
