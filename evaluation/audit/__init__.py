"""Audits of look-ahead: in features and decisions, and in the rows that were fitted on."""
