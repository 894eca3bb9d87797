"""State the server reports about itself: sessions, schemas, the YANG library."""
