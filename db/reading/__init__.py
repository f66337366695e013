"""What pages and listings read: queries that change nothing."""
