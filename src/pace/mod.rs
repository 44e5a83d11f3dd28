//! How fast: permits, and when one comes back. Pure arithmetic over a monotonic time that is handed
//! in; knows neither orders nor the network.

mod lane;

pub(crate) use lane::AFTER_GIVING_UP;
pub use lane::{Lane, SPACING, Wait};
