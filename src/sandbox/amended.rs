//! What people change in the books by hand, and no request can: the gateway's own parts of a record.
//!
//! Amount, state and time need nothing of this: a later line `content` or `state` changes them.

use serde::{Deserialize, Serialize};

/// An order's record as its replies tell it from then on; what is not there stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Amended {
    /// The number under which the record is asked for.
    pub no: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out_request_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mchid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quota_change_no: Option<String>,
}
