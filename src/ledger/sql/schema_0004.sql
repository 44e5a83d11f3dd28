-- The ledger, version 4: indices for what is asked of refused orders, and of those that people called
-- dead. Nothing that was written changes.

-- Whoever submits a refused order again looks for its debt under another reason.
CREATE INDEX orders_of_account ON orders (account, amount_fen);
-- What a reconciliation asks for before what took its place.
CREATE INDEX orders_called_dead ON orders (merchant, order_id) WHERE resolved_as = 'FAILED';
