// Everything of the `tile` dialect, for its reference. The operations are generated in two parts.
include "dialects/Tile/TileSamplingOps.td"
include "dialects/Tile/TileTrainOps.td"
