"""The NGSI-LD interface (ETSI GS CIM 009 v1.9.1) under /ngsi-ld/v1."""
