//! The program `seawall`.

fn main() {}
