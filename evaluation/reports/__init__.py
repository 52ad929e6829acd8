"""Reports: their schema, evidence, tables, figures and pages."""
