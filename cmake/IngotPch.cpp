// Carries the precompiled header cmake/IngotPch.h, which all MLIR code of the project reuses.
