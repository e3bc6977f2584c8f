"""What all tables share: records as items, writes on conditions, pages of indexes."""
