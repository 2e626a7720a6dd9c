// Everything that tablegen reads for the `task` dialect.
include "dialects/Task/TaskOps.td"
