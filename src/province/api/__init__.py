"""The HTTP door: NGSI-LD, observations, actions."""
