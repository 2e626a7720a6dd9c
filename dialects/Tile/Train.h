// Operations of the `tile` dialect that only training needs.
#pragma once

#include "dialects/Tile/Tile.h"

#define GET_OP_CLASSES
#include "dialects/Tile/TileTrainOps.h.inc"
