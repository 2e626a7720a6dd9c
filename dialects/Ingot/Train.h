// Operations of the `ingot` dialect that only training needs.
#pragma once

#include "dialects/Ingot/Ingot.h"

#define GET_OP_CLASSES
#include "dialects/Ingot/IngotTrainOps.h.inc"
