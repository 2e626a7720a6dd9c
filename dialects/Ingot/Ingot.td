// Everything of the `ingot` dialect, for its reference. The operations are generated in two parts.
include "dialects/Ingot/IngotSamplingOps.td"
include "dialects/Ingot/IngotTrainOps.td"
