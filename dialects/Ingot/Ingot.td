// Everything that tablegen reads for the `ingot` dialect.
include "dialects/Ingot/IngotSamplingOps.td"
