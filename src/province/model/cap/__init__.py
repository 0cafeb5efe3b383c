"""The Common Alerting Protocol 1.2 (OASIS): messages, their XML, and the XML signature on it."""
