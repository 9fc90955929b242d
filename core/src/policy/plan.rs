//! What a policy can cost at worst.
