//! What a header section says about its part.
