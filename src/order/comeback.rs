//! How a row comes back that carries `levy_out_request_no`.

use super::content::words;

words! {
    /// What a row that names its order asks for.
    Comeback {
        /// Nothing but its order: the row of a result.
        Result = "RESULT",
        /// The row of a failed file: changed, it may also take the place of an order that was refused.
        Mended = "MENDED",
        /// The same with `levy_reissue` = yes: its dead order is to be issued again.
        Reissue = "REISSUE",
    }
}
