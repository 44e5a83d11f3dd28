-- What the ledger `known` has for the staged rows, into a ledger that is thrown away: the orders that
-- have one of their numbers, or hold others for one of their debts, with their whole chains, what took
-- their places, what holds them, and what came in after a refused one (order_younger.sql). So far the acceptance of a batch looks, and no further.
INSERT OR IGNORE INTO excerpt (deduction_id)
WITH RECURSIVE reached (deduction_id) AS (
    SELECT o.deduction_id FROM excerpt_number AS n
    CROSS JOIN known.orders AS o ON o.out_request_no = n.out_request_no
    UNION
    SELECT o.deduction_id FROM staged AS s
    CROSS JOIN known.orders AS o ON o.hold_key = s.hold_key
    WHERE (o.state = 'PENDING' OR o.state = 'UNKNOWN' OR o.state = 'PROCESSING' OR o.state = 'CLOSED'
        OR o.state = 'SUCCESS' OR o.state = 'EXPIRED')
        OR (o.maybe_accepted > 0 AND o.state = 'REJECTED') OR o.state = 'HELD'
    UNION
    SELECT d.superseded_by FROM reached
    CROSS JOIN known.deduction AS d ON d.deduction_id = reached.deduction_id
    WHERE d.superseded_by IS NOT NULL
    UNION
    SELECT holder.deduction_id FROM reached
    CROSS JOIN known.orders AS o ON o.deduction_id = reached.deduction_id
    CROSS JOIN known.orders AS holder ON holder.order_id = o.held_by
    UNION
    SELECT other.deduction_id FROM reached
    CROSS JOIN known.orders AS o ON o.deduction_id = reached.deduction_id
    CROSS JOIN known.orders AS other ON substr(other.account, -8) = substr(o.account, -8)
        AND other.amount_fen = o.amount_fen
    WHERE o.state = 'REJECTED' AND other.account = o.account AND other.order_id > o.order_id
    UNION
    SELECT d.deduction_id FROM reached
    CROSS JOIN known.deduction AS d ON d.superseded_by = reached.deduction_id
)
SELECT deduction_id FROM reached;

INSERT INTO main.deduction
SELECT d.* FROM excerpt AS e CROSS JOIN known.deduction AS d ON d.deduction_id = e.deduction_id;

INSERT INTO main.orders
SELECT o.* FROM excerpt AS e CROSS JOIN known.orders AS o ON o.deduction_id = e.deduction_id;

-- Places are told; cells are not.
INSERT OR IGNORE INTO main.batch_row
    (batch_id, ordinal, line, cells, amount_fen, kind, deduction_id)
SELECT r.batch_id, r.ordinal, r.line, '[]', r.amount_fen, r.kind, r.deduction_id
FROM main.orders AS o CROSS JOIN known.batch_row AS r
    ON r.batch_id = o.batch_id AND r.ordinal = o.ordinal;

INSERT OR IGNORE INTO main.batch_row
    (batch_id, ordinal, line, cells, amount_fen, kind, deduction_id)
SELECT r.batch_id, r.ordinal, r.line, '[]', r.amount_fen, r.kind, r.deduction_id
FROM main.orders AS o CROSS JOIN known.batch_row AS r
    ON r.batch_id = o.frozen_by_batch AND r.ordinal = o.frozen_by_ordinal;

-- Rows that ask for what nobody has decided yet.
INSERT OR IGNORE INTO main.batch_row
    (batch_id, ordinal, line, cells, amount_fen, kind, came_back_as, undecided)
SELECT r.batch_id, r.ordinal, r.line, '[]', r.amount_fen, r.kind, r.came_back_as, r.undecided
FROM staged AS s CROSS JOIN known.batch_row AS r
    ON r.came_back_as = s.returned AND r.undecided = s.content_digest;

-- All of them: when an order came in is told by the batches behind its own (the view came_in).
INSERT INTO main.batch
SELECT * FROM known.batch;

INSERT INTO main.attempt
SELECT a.* FROM main.orders AS o CROSS JOIN known.attempt AS a ON a.order_id = o.order_id;

INSERT INTO main.reply
SELECT r.* FROM main.attempt AS a CROSS JOIN known.reply AS r ON r.attempt_id = a.attempt_id;

INSERT INTO main.decision
SELECT * FROM known.decision WHERE kind = 'RESTORED' AND order_id IS NULL;

INSERT INTO main.decision
SELECT d.* FROM main.orders AS o CROSS JOIN known.decision AS d ON d.order_id = o.order_id;
