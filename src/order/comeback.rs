//! How a row comes back that was in levy's hands before.

use super::content::words;

words! {
    /// What file a row comes in, and what it asks for there.
    Comeback {
        /// The file carries none of levy's columns: it does not come back.
        First = "FIRST",
        /// Nothing but its order, if it names one: the row of a result.
        Result = "RESULT",
        /// The row of a failed file: changed, it may also take the place of an order that was refused.
        Mended = "MENDED",
        /// The same with `levy_reissue` = yes: its dead order is to be issued again.
        Reissue = "REISSUE",
    }
}
