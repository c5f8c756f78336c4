"""What a run leaves behind: records as it goes, and summaries made from records."""
