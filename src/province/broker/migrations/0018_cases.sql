-- Whether a record ever named a file since it was uploaded. A file that none ever named is removed a day after its upload.
-- null: uploaded before this was kept; upkeep looks once. The former count was never kept by anybody.
ALTER TABLE file ADD COLUMN named boolean;
ALTER TABLE file ALTER COLUMN named SET DEFAULT false;
ALTER TABLE file DROP COLUMN refs;
CREATE INDEX file_never_named ON file (tenant, at) WHERE named IS NOT TRUE;
