-- A buyer is written to in the language in which they gave their address.
ALTER TABLE contacts ADD COLUMN language VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'en' AFTER link;
