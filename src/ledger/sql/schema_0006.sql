-- The ledger, version 6: batches that were handed over to whoever works on the ledger.

-- Their orders that were never sent, up to one, are anybody's to send, with what is open.
CREATE TABLE handed (
    batch_id INTEGER PRIMARY KEY REFERENCES batch (batch_id),
    until_order_id INTEGER NOT NULL CONSTRAINT handed_until CHECK (until_order_id >= 0),
    at_ms INTEGER NOT NULL
) STRICT;
