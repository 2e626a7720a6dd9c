// Everything that tablegen reads for the `tile` dialect.
include "dialects/Tile/TileAttentionOps.td"
include "dialects/Tile/TileSamplingOps.td"
