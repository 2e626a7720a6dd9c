// Everything that tablegen reads for the `tile` dialect.
include "dialects/Tile/TileOps.td"
