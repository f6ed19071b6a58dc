-- Some lines of the feed are told once, whichever process notices and however often it is started again.
ALTER TABLE activity ADD COLUMN once VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NULL;
ALTER TABLE activity ADD UNIQUE KEY activity_once (event_id, once);
