-- The ledger, version 5: indices that a run need not write again and again. Nothing that was written
-- changes.

-- Of all orders: one of some states only is written anew with each change of state, at a random place,
-- though it would hold nearly all of them.
DROP INDEX orders_holding;
CREATE INDEX orders_holding ON orders (hold_key);

-- The end of an account tells it from nearly all others, in half of the bytes.
DROP INDEX orders_of_account;
CREATE INDEX orders_of_account ON orders (substr(account, -8), amount_fen);
