-- An organiser's page lists what was mended in an event: without this all findings of all events were looked through.
ALTER TABLE findings ADD KEY findings_event (event_id, mended_at, id);
