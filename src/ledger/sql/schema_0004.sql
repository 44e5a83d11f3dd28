-- The ledger, version 4: what a failed file must not forget.

-- The content that a row asked for which was changed and had yes under levy_reissue as well: nobody has
-- decided yet which of the two is meant.
ALTER TABLE batch_row ADD COLUMN undecided BLOB
    CONSTRAINT batch_row_undecided CHECK (undecided IS NULL OR kind = 'CONFLICT');
CREATE INDEX batch_row_undecided ON batch_row (came_back_as, undecided) WHERE undecided IS NOT NULL;

-- Failed files as levy wrote them, by the SHA-256 of their bytes: one with other bytes is somebody's work,
-- and is not overwritten.
CREATE TABLE failed_file (
    digest BLOB PRIMARY KEY CONSTRAINT failed_file_digest_length CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;
