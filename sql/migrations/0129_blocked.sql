-- Whom an organiser keeps out of a sale: buyers and addresses, as JSON.
ALTER TABLE events ADD COLUMN blocked TEXT NULL;
