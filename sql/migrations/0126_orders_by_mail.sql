-- An order is found by the address of its buyer, in any case.
ALTER TABLE contacts ADD KEY contacts_email (event_id, email);
