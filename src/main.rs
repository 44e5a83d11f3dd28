//! levy's command.

fn main() {}
