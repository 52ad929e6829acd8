"""The strategy files that come with Nightdesk."""
