"""Transports: MQTT, HTTP, files. Bytes in, observations and changes out."""
