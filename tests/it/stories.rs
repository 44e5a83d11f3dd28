//! The night after, as stories: what people do with rows that failed, orders that were closed and
//! replies that never came. Through the built command, against a gateway with books of its own; what
//! counts is what the books say.

mod against;
mod edited;
mod failed;
mod house;
mod once;
mod past;
mod reconciled;
mod resumed;
